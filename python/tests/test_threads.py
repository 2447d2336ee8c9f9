"""Threads of loaders: that they end, that they can be interrupted, and what a fork makes of them."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import pytest
from files import U8, pictures

import maskwright
from maskwright import Loader

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def loader(data: Any, **settings: Any) -> Loader:  # noqa: ANN401
    """Make a small loader."""
    return Loader(data, **{"batch_size": 2, "input_size": 64, "threads": 2, **settings})


def threads() -> int:
    """Count the threads of this process once their number stays the same: a thread ends a moment after its work."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < 0.3:
        found = len(os.listdir("/proc/self/task"))  # noqa: PTH208
        if found != count:
            count, since = found, time.monotonic()
        time.sleep(0.01)
    return count


def resident_mib() -> float:
    """Measure the memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@LINUX
@pytest.mark.alone
def test_a_consumer_that_stops_in_the_middle_leaves_nothing(folder: Path) -> None:
    for _ in loader(folder):
        break
    gc.collect()
    count, memory = threads(), resident_mib()
    for data in [folder, pictures(6)] * 50:
        for _ in loader(data, input_size=128):
            break
    gc.collect()
    assert threads() == count
    # A single loader's batches are 2 * 4 * 7 * 128 * 128 bytes, 0.9 MiB.
    assert resident_mib() < memory + 20


@LINUX
@pytest.mark.alone
def test_closing_ends_the_threads(folder: Path) -> None:
    count = threads()
    made = loader(folder, threads=3)
    assert threads() == count + 3
    made.close()
    assert threads() == count
    with pytest.raises(maskwright.Error, match="it was closed"):
        next(iter(made))
    made.close()


class Slow:
    """A sequence whose items have to be waited for."""

    def __init__(self) -> None:
        self.images, self.masks = pictures(4)
        self.open = threading.Event()

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[U8, U8]:
        self.open.wait(60)
        return self.images[index], self.masks[index]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent on Unix alone")
def test_ctrl_c_ends_waiting() -> None:
    slow = Slow()
    made = loader(slow)
    sent = [0.0]

    def interrupt() -> None:
        sent[0] = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        next(iter(made))
    # It is looked for every 100 milliseconds; the limit is against waiting for the work.
    assert time.monotonic() - sent[0] < 5
    timer.join()
    # The loader goes on.
    slow.open.set()
    assert len(list(made)) == 2


class Failing:
    """A sequence one of whose items cannot be had."""

    def __init__(self) -> None:
        self.images, self.masks = pictures(4)

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[U8, U8]:
        if index == 2:
            raise ZeroDivisionError("item 2 is none")
        return self.images[index], self.masks[index]


def test_an_exception_of_the_data_arrives_as_it_is() -> None:
    made = loader(Failing())
    batches = 0
    passed = iter(made)
    with pytest.raises(ZeroDivisionError, match="item 2 is none") as caught:
        for _ in range(2):
            next(passed)
            batches += 1
    assert "__getitem__" in "".join(traceback.format_tb(caught.value.__traceback__))
    # In a budget it is a record that is replaced.
    made = loader(Failing(), refusal_budget=0.25)
    assert len(list(made)) == 2
    assert "item 2 is none" in made.ledger[0]["message"]


def test_other_python_threads_run_while_a_batch_is_waited_for() -> None:
    slow = Slow()
    made = loader(slow)
    counted = [0]

    def count() -> None:
        while not slow.open.is_set():
            counted[0] += 1
            if counted[0] == 1000:
                slow.open.set()

    thread = threading.Thread(target=count)
    thread.start()
    next(iter(made))
    thread.join()
    assert counted[0] == 1000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:")
def test_a_forked_process_is_told_that_it_has_no_threads(folder: Path) -> None:
    made = loader(folder)
    passed = iter(made)
    next(passed)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = "nothing"
        try:
            next(passed)
        except maskwright.Error as error:
            said = str(error)
        # Neither that nor the end of the loader waits for threads that are not there.
        del passed, made
        gc.collect()
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    assert f"expected the process {os.getpid()}" in said
    assert f"found process {child}, which was forked from it" in said
    # Here it goes on.
    assert len(list(passed)) == 4


def test_a_process_ends_though_a_loader_waits_for_python(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, time\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import maskwright\n"
        "from files import picture\n"
        "class Slow:\n"
        "    def __len__(self): return 40\n"
        "    def __getitem__(self, index):\n"
        "        time.sleep(0.05)\n"
        "        return picture(index)\n"
        "loader = maskwright.Loader(Slow(), batch_size=2, input_size=64, threads=4)\n"
        "kept = iter(loader)\n"
        "print(next(kept).images.shape)\n"
    )
    import subprocess

    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "(2, 3, 64, 64)\n", "")
