"""On a machine with an NVIDIA GPU: see that maskwright is right there, and how fast beside PyTorch.

One call does all of it and writes the record, anew after each part, so that a run that is cut off
leaves what it has::

    cargo build --release --features cuda
    python benches/python/gpu.py --output benches/record/$(date +%F)-gpu.md

0. Where the driver, CUDA's run-time compiler and its headers are. Without a driver it ends here.
1. The golden tests of the model and of five training steps run on the GPU.
2. Fifty training steps of ViT-B on seeded pictures, in f32, with TF32 and with the encoder in
   bf16: losses have to stay within 1% of f32's.
3. Training steps of each model at a batch of four, in turns with HQ-SAM's own step in PyTorch
   (f32, as its trainer runs), and the memory of the GPU that each has taken.

A part that fails is in the record with its reason; the next ones go on, and the status is 1. Parts
whose time has not come by ``--minutes`` are left out. Where cargo is not at hand, as in the folder
that ``cargo xtask gpu-bundle`` makes, the test executables are named: ``--golden-tests EXE EXE``.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cuda_place
from machine import versions
from ours import find_command

PACKAGES = ["torch", "segment_anything_hq"]
STEPS = 50
TOLERANCE = 0.01
TARGET = {"vit_l": 2.0}
GOLDEN_TESTS = [("maskwright-model", "golden"), ("maskwright-train", "golden")]
MODES = {
    "f32": ["--precision", "f32"],
    "f32 with TF32": ["--precision", "f32", "--allow-tf32"],
    "bf16 encoder": [],
}


class GpuError(Exception):
    """What ends the comparison."""


def nvidia_smi(query: str) -> list[str]:
    """Ask the driver about the GPUs."""
    command = ["nvidia-smi", f"--query-{query}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise GpuError(f"expected an NVIDIA GPU with its driver, found none ({error})") from error
    return answer.stdout.strip().splitlines()


def used_mib(pid: int) -> int:
    """Tell how much memory of the GPU a process has; in a container, all processes together."""
    rows = [row.split(",") for row in nvidia_smi("compute-apps=pid,used_memory")]
    own = [int(used) for number, used in rows if int(number) == pid]
    return sum(own) if own else int(nvidia_smi("gpu=memory.used")[0])


class Clock:
    """How long the machine is there."""

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes

    def left(self) -> float:
        """Give the seconds that are left; none is an error."""
        seconds = self.end - time.monotonic()
        if seconds <= 0:
            raise GpuError("left out: the time was over")
        return seconds


class Record:
    """The record, on disk after each addition; a run that is cut off leaves what it has."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.lines: list[str] = []
        self.faults: list[str] = []

    def add(self, *lines: str) -> None:
        """Add lines, and write and show them."""
        self.lines += lines
        self.write(*lines)

    def write(self, *news: str) -> None:
        """Show what is new, and write all of it; what failed stands at the end."""
        print(*news, sep="\n", flush=True)
        if self.path is not None:
            failed = ["", "## What failed", "", *self.faults] if self.faults else []
            part = self.path.with_suffix(".part")
            part.write_text("\n".join([*self.lines, *failed, ""]), encoding="utf-8")
            part.replace(self.path)

    @contextlib.contextmanager
    def part(self, what: str) -> Iterator[None]:
        """Note a failure in place of what a part would have added, and go on."""
        try:
            yield
        except GpuError as error:
            self.faults.append(f"- {what}: {error}")
            self.write(self.faults[-1])
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self.faults.append(f"- {what}: {type(error).__name__}: {error}")
            self.write(self.faults[-1])


def golden(command: list[str], environment: dict[str, str], seconds: float) -> list[str]:
    """Run a golden-test executable on the GPU, and give its tests' lines."""
    environment = environment | {"MASKWRIGHT_TEST_DEVICE": "cuda"}
    # One at a time, since each would fill the GPU's queue.
    command = [*command, "--nocapture", "--test-threads=1"]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        raise GpuError("not done in the time that was left") from error
    told = [line for line in done.stdout.splitlines() if line.startswith("test result")]
    if done.returncode != 0:
        raise GpuError(ending(command, done, 6000))
    return told


def ending(command: list[str], done: subprocess.CompletedProcess[str], most: int) -> str:
    """Say how a program ended, with the last that it said."""
    text = (done.stdout + done.stderr)[-most:]
    return f"`{' '.join(command)}` ended with {done.returncode}:\n\n```\n{text}\n```\n"


def golden_commands(executables: list[Path]) -> list[list[str]]:
    """Give the commands that run the golden tests."""
    return [[str(path)] for path in executables] or [
        ["cargo", "test", "--release", "--features", "cuda", "-p", package, "--test", test, "--"]
        for package, test in GOLDEN_TESTS
    ]


def losses(
    command: Path, mode: list[str], folder: Path, environment: dict[str, str], clock: Clock
) -> list[float]:
    """Train ViT-B from seeded weights for fifty steps, and give the loss of each."""
    pictures = folder / "pictures"
    if not pictures.exists():
        make = [str(command), "bench", "files", "--output", str(pictures)]
        make += ["--count", str(4 * STEPS), "--longest", "400"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, timeout=clock.left())
    run = folder / "run"
    done = subprocess.run(
        [
            *(str(command), "train", "--device", "cuda", *mode, "--model-type", "vit_b"),
            *("--images", str(pictures / "images"), "--masks", str(pictures / "masks")),
            *("--hold-out", "0", "--max-epoch-num", "1", "--save-every", "0", "--log-every", "1"),
            *("--output", str(run), "--overwrite", "--json"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=clock.left(),
    )
    if done.returncode != 0:
        raise GpuError(ending([str(command), "train", *mode], done, 3000))
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [entry["loss"] for entry in entries if entry["kind"] == "step"]


@dataclasses.dataclass
class Contestant:
    """A program that makes one training step for each line it is sent."""

    process: subprocess.Popen[str]
    ms: list[float] = dataclasses.field(default_factory=list)
    gpu_mib: int = 0

    @classmethod
    def start(cls, command: list[str], environment: dict[str, str], clock: Clock) -> Contestant:
        """Start it; it gets ready before it answers, and is ended when the time is over."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        timer = threading.Timer(clock.left(), process.kill)
        timer.daemon = True
        timer.start()
        return cls(process)

    def measure(self, counts: bool = True) -> None:
        """Let it make a step."""
        if self.process.stdin is None or self.process.stdout is None:
            raise GpuError("the contestant has no pipes")
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise GpuError(f"{self.process.args!r} ended with {self.process.wait()}")
        if counts:
            self.ms.append(json.loads(line)["ms"])
            self.gpu_mib = max(self.gpu_mib, used_mib(self.process.pid))

    def end(self) -> None:
        """Let it go."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def speed(
    command: Path,
    model: str,
    batch: int,
    rounds: int,
    environment: dict[str, str],
    clock: Clock,
) -> list[str]:
    """Time one model beside PyTorch's, and give the row of the table.

    Both hold the GPU's memory while the other works, so each is measured in a process of its own,
    in turns of ten steps: the GPU does nothing else then.
    """
    ours = [str(command), "bench", "model", "--model-type", model, "--part", "step"]
    ours += ["--batch", str(batch), "--device", "cuda", "--in-turns"]
    worker = str(Path(__file__).with_name("torch_model.py"))
    theirs = [sys.executable, "-W", "ignore", worker, model, "step"]
    theirs += ["--device", "cuda", "--batch", str(batch)]
    ms: tuple[list[float], list[float]] = ([], [])
    memory = [0, 0]
    for _ in range(rounds):
        for which, program in enumerate((ours, theirs)):
            contestant = Contestant.start(program, environment, clock)
            # The first steps choose kernels.
            for _ in range(3):
                contestant.measure(counts=False)
            for _ in range(10):
                contestant.measure()
            contestant.end()
            ms[which].append(statistics.median(contestant.ms))
            memory[which] = max(memory[which], contestant.gpu_mib)
    rates = [1000 * batch / statistics.median(each) for each in ms]
    ratio = statistics.median(b / a for a, b in zip(*ms, strict=True))
    target = TARGET.get(model)
    return [
        model,
        *(f"{statistics.median(each):.0f}" for each in ms),
        *(f"{rate:.1f}" for rate in rates),
        f"{ratio:.2f}",
        "" if target is None else f"{target:.1f}",
        "" if target is None else "met" if ratio >= target else "**missed**",
        *(str(each) for each in memory),
    ]


def right(
    record: Record,
    command: Path,
    executables: list[Path],
    environment: dict[str, str],
    clock: Clock,
) -> None:
    """Add the golden tests and the losses of fifty steps."""
    record.add(
        "## Right",
        "",
        "The golden tests of the model, of the loss and of five training steps, on the GPU in f32:",
        "",
    )
    for test in golden_commands(executables):
        with record.part(Path(test[0]).name):
            found = golden(test, environment, clock.left())
            record.add(*(f"- {line}" for line in found))
    record.add(
        "",
        f"{STEPS} training steps of ViT-B from the same seeded weights, batch 4:",
        "",
        "| mode | first loss | last loss | farthest from f32 | within 1% |",
        "|---|---:|---:|---:|---|",
    )
    exact: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, mode in MODES.items():
            with record.part(name):
                curve = losses(command, mode, Path(folder), environment, clock)
                exact = exact or (curve if name == "f32" else [])
                told = ["", ""]
                if exact:
                    off = max(abs(a / b - 1) for a, b in zip(curve, exact, strict=True))
                    told = [f"{off:.2%}", "met" if off <= TOLERANCE else "**missed**"]
                record.add(f"| {name} | {curve[0]:.4f} | {curve[-1]:.4f} | {told[0]} | {told[1]} |")
    record.add("")


def fast(
    record: Record,
    command: Path,
    flags: argparse.Namespace,
    environment: dict[str, str],
    clock: Clock,
) -> None:
    """Add the times of training steps beside PyTorch's."""
    record.add(
        "## Fast",
        "",
        f"A training step of {flags.batch} images of 1024 x 1024, from u8 pixels in host memory to"
        " changed parameters: ours with the encoder in bf16 and the HQ head in f32, HQ-SAM's own in"
        f" f32 (eager, image by image in its decoder). Medians of {flags.rounds} turns of ten"
        " steps; memory is what the driver says the process held.",
        "",
        "| model | ms, maskwright | PyTorch | images/s, maskwright | PyTorch | ratio | target | |"
        " GPU MiB, maskwright | PyTorch |",
        "|---|" + "---:|" * 6 + "---|---:|---:|",
    )
    for model in flags.models:
        with record.part(model):
            row = speed(command, model, flags.batch, flags.rounds, environment, clock)
            record.add("| " + " | ".join(row) + " |")


def main() -> int:
    """Check, compare, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--maskwright", type=Path)
    parser.add_argument("--golden-tests", type=Path, nargs="*", default=[])
    parser.add_argument("--models", nargs="*", default=["vit_b", "vit_l", "vit_h"])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=28, help="start nothing later")
    parser.add_argument("--output", type=Path)
    flags = parser.parse_args()
    clock = Clock(flags.minutes)
    record = Record(flags.output)
    place = cuda_place.find()
    record.add(
        f"# On a GPU, {datetime.date.today().isoformat()}",
        "",
        *(f"- {line}" for line in place.lines()),
    )
    with record.part("no GPU"):
        name, driver = nvidia_smi("gpu=name,driver_version")[0].split(", ")
        record.add(
            "",
            f"{name}, driver {driver}; {versions(PACKAGES)}. Made by `benches/python/gpu.py`.",
            "",
        )
    if record.faults:
        return 1
    with tempfile.TemporaryDirectory() as links:
        environment = place.environment(Path(links))
        command = find_command(flags.maskwright)
        right(record, command, flags.golden_tests, environment, clock)
        fast(record, command, flags, environment, clock)
    return int(bool(record.faults))


if __name__ == "__main__":
    sys.exit(main())
