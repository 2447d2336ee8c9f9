"""The loader in a process of its own: it does what the one on threads does, and it leaves nothing behind."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files import U8, picture, pictures, png, write_pairs
from test_loader import assert_all_equal, assert_equal, loader
from test_threads import threads

import maskwright
from maskwright import Loader

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
TESTS = str(Path(__file__).parent)


def apart(data: Any, **settings: Any) -> Loader:  # noqa: ANN401
    """Make a small loader with a process."""
    return loader(data, process=True, **settings)


def process_of(made: Loader) -> int:
    """The number of its process."""
    pid = getattr(made._native, "pid", None)
    assert isinstance(pid, int)
    return pid


def is_there(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(pid: int, seconds: float) -> bool:
    """Wait until a process has ended."""
    until = time.monotonic() + seconds
    while is_there(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_there(pid)


def several(number: int) -> tuple[Any, Any]:
    """Make a picture with three objects."""
    image, mask = picture(number)
    left = mask.copy()
    left[:, mask.shape[1] // 2 :] = 0
    return image, np.stack([mask, mask - left, left])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_size": 4, "threads": 1, "input_size": 200},
        {"objects": 3, "prompts": {"also_probability": 1.0}, "last_batch": "keep"},
        {"rank": 1, "world_size": 2},
    ],
)
def test_batches_and_places_are_those_of_threads(settings: dict[str, Any]) -> None:
    data = [several(number) for number in range(9)]
    with apart(data, **settings) as ours, loader(data, **settings) as theirs:
        assert len(ours) == len(theirs)
        for _ in range(2):
            for one, other in zip(ours, theirs, strict=True):
                assert_equal(one, other)
                assert (one.names, one.sets, one.epoch, one.index) == (
                    other.names,
                    other.sets,
                    other.epoch,
                    other.index,
                )
                assert one.images.flags.writeable and one.labels.flags.writeable
                assert ours.state_dict() == theirs.state_dict()
                for count in ("batches", "samples", "objects", "not_in_view", "refused"):
                    assert ours.stats[count] == theirs.stats[count]


def test_epochs_passes_and_states_are_those_of_threads(folder: Path) -> None:
    whole = loader(folder)
    expected = [*whole, *whole]
    made = apart(folder)
    first = list(islice(made, 3))
    state = made.state_dict()
    made.set_epoch(1)
    assert_all_equal(list(made), expected[5:])
    made.load_state_dict(state)
    assert_all_equal([*first, *made], expected[:5])
    with pytest.raises(maskwright.SettingError, match="seed"):
        made.load_state_dict({**state, "seed": 77})
    made.set_epoch(0)
    passed = iter(made)
    assert_equal(next(passed), expected[0])
    copied: Loader = pickle.loads(pickle.dumps(made))
    assert process_of(copied) != process_of(made)
    assert_all_equal(list(copied), expected[1:5])
    assert_all_equal(list(passed), expected[1:5])


def test_batches_stay_as_they_are_while_they_are_looked_at(folder: Path) -> None:
    expected = list(loader(folder, batch_size=1, input_size=128))
    with apart(folder, batch_size=1, input_size=128) as made:
        kept = [(batch, batch.images[0, 1]) for batch in made]
        assert len(kept) == 11
        # The first ones are views of the shared memory, where arrays begin as JAX wants them to.
        assert kept[0][0].images.ctypes.data % 64 == kept[0][0].labels.ctypes.data % 64 == 0
        assert_all_equal([batch for batch, _ in kept], expected)
        planes = [plane for _, plane in kept]
        del kept
        again = list(made)
    assert len(again) == 11
    del again
    gc.collect()
    for plane, batch in zip(planes, expected, strict=True):
        np.testing.assert_array_equal(plane, batch.images[0, 1])


def test_exceptions_arrive_with_their_class_and_fields(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path / "set", 10)
    masks[4].unlink()
    passed, failures, batches = iter(apart((images, masks))), [], 0
    while True:
        try:
            next(passed)
        except StopIteration:
            break
        except maskwright.FileMissingError as error:
            failures.append(error)
        else:
            batches += 1
    assert batches == 4
    assert [failure.path for failure in failures] == [str(masks[4])]
    with pytest.raises(maskwright.SettingError, match="last_batch") as caught:
        apart((images, masks), last_batch="neither")
    assert caught.value.found == '"neither"'
    with pytest.raises(maskwright.FileMissingError):
        apart(tmp_path / "gone")


class Failing:
    """A sequence one of whose items cannot be had."""

    def __init__(self) -> None:
        self.images, self.masks = pictures(4)

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[U8, U8]:
        if index == 2:
            raise ZeroDivisionError("item 2 is none")
        print("an item")
        return self.images[index], self.masks[index]


class Slow(Failing):
    """A sequence whose items have to be waited for."""

    def __getitem__(self, index: int) -> tuple[U8, U8]:
        time.sleep(600)
        return picture(index)


def test_an_exception_of_the_data_says_where_it_was_raised() -> None:
    passed = iter(apart(Failing()))
    with pytest.raises(ZeroDivisionError, match="item 2 is none") as caught:
        for _ in range(2):
            next(passed)
    assert "in __getitem__" in str(caught.value.__cause__)


def test_data_that_cannot_be_sent_are_refused() -> None:
    with pytest.raises(maskwright.SettingError, match=r"can be pickled \(process=True\)"):
        apart([lambda: 0, lambda: 1])


def test_refused_records_are_in_the_ledger(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path / "set", 10)
    masks[3].write_bytes(png(np.zeros_like(picture(3)[1])))
    with apart((images, masks), refusal_budget=0.1) as made:
        seen = [(made.stats["refused"], len(made.ledger)) for _ in made]
    assert seen[-1] == (1, 1)
    assert all(refused == entries for refused, entries in seen)


@LINUX
def test_a_process_that_is_killed_is_told_of(folder: Path) -> None:
    made = apart(folder)
    passed = iter(made)
    first = next(passed)
    os.kill(process_of(made), signal.SIGKILL)
    with pytest.raises(maskwright.Error, match=r"ended by signal 9 \(SIGKILL\)"):
        list(passed)
    with pytest.raises(maskwright.Error, match=r"signal 9 .*; a new loader goes on from"):
        list(made)
    assert_equal(first, next(iter(loader(folder))))
    made.close()


@LINUX
@pytest.mark.parametrize("data", ["'set'", "Slow()"])
def test_the_process_goes_when_its_parent_is_killed(tmp_path: Path, data: str) -> None:
    write_pairs(tmp_path / "set", 11)
    names = set(os.listdir("/dev/shm"))  # noqa: PTH208
    # Another child, which has the pipe as well, lives on.
    script = (
        f"import os, sys, time; sys.path.insert(0, {TESTS!r})\n"
        "from test_process import Slow, apart\n"
        f"made = apart({data})\n"
        "if os.fork() == 0:\n"
        "    time.sleep(8); os._exit(0)\n"
        "print(made._native.pid, flush=True)\n"
        "next(iter(made))\n"
        "time.sleep(600)\n"
    )
    line = [sys.executable, "-W", "ignore", "-c", script]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_there(child)
        parent.kill()
        assert ended(child, 2)
    assert set(os.listdir("/dev/shm")) <= names  # noqa: PTH208


@LINUX
@pytest.mark.alone
def test_loaders_leave_no_process_file_or_thread(folder: Path) -> None:
    def held() -> tuple[int, int]:
        gc.collect()
        return threads(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    next(iter(apart(folder)))
    before = held()
    pids = []
    for number in range(50):
        made = apart(folder)
        pids.append(process_of(made))
        batch = next(iter(made))
        if number % 2:
            made.close()
        del made, batch
    assert held() == before
    assert not any(map(is_there, pids))


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent on Unix alone")
def test_ctrl_c_ends_waiting_and_closing_does_not_wait() -> None:
    made = apart(Slow())
    sent = [0.0]

    def interrupt() -> None:
        sent[0] = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        next(iter(made))
    made.close()
    assert time.monotonic() - sent[0] < 5
    timer.join()
    with pytest.raises(maskwright.Error, match="it was closed"):
        next(iter(made))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:")
@pytest.mark.filterwarnings("ignore:subprocess:ResourceWarning")
def test_a_forked_process_is_told_that_the_loader_is_not_its_own(folder: Path) -> None:
    made = apart(folder)
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
    assert len(list(passed)) == 4


GUARDED = """
import sys
sys.path.insert(0, {tests!r})
import maskwright
from files import picture
class Mine:
    def __len__(self): return 4
    def __getitem__(self, index): return picture(index)
def main():
    loader = maskwright.Loader(Mine(), 2, 64, process=True)
    print([batch.images.shape for batch in loader])
{call}
"""


def test_scripts_may_have_classes_of_their_own(tmp_path: Path) -> None:
    def run(call: str) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "script.py"
        script.write_text(GUARDED.format(tests=TESTS, call=call))
        line = [sys.executable, str(script)]
        return subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)

    done = run('if __name__ == "__main__":\n    main()')
    assert (done.returncode, done.stdout) == (0, "[(2, 3, 64, 64), (2, 3, 64, 64)]\n"), done.stderr
    done = run("main()")
    assert done.returncode == 1
    assert "expected the loader to be made below `if __name__ == '__main__':`" in done.stderr
