"""On a machine with an NVIDIA GPU: see that maskwright is right there, and how fast beside PyTorch.

One call does all of it and writes the record::

    cargo build --release --features cuda
    python benches/python/gpu.py --output benches/record/$(date +%F)-gpu.md

1. The golden tests of the model and of five training steps run on the GPU; a failure ends it.
2. Fifty training steps of ViT-B on seeded pictures, in f32, with TF32 and with the encoder in
   bf16: losses have to stay within 1% of f32's.
3. Training steps of each model at a batch of four, in turns with HQ-SAM's own step in PyTorch
   (f32, as its trainer runs), and the memory of the GPU that each has taken.

Where cargo is not at hand the test executables are named: ``--golden-tests EXE EXE``.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import versions
from ours import find_command

PACKAGES = ["torch", "segment_anything_hq"]
STEPS = 50
TOLERANCE = 0.01
TARGET = {"vit_l": 2.0}
GOLDEN_TESTS = [("maskwright-model", "golden"), ("maskwright-train", "golden_steps")]
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


def golden(executables: list[Path]) -> str:
    """Run the golden tests on the GPU, and give their closing lines."""
    environment = os.environ | {"MASKWRIGHT_TEST_DEVICE": "cuda"}
    commands: list[list[str]] = [[str(path)] for path in executables] or [
        ["cargo", "test", "--release", "--features", "cuda", "-p", package, "--test", test, "--"]
        for package, test in GOLDEN_TESTS
    ]
    lines = []
    for command in commands:
        # One at a time, since each would fill the GPU's queue.
        command = [*command, "--nocapture", "--test-threads=1"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if "no golden files" in done.stderr or "is not here" in done.stderr:
            raise GpuError(f"expected the golden files, found none:\n{done.stderr[-2000:]}")
        if done.returncode != 0:
            text = (done.stdout + done.stderr)[-6000:]
            raise GpuError(f"the golden tests fail on the GPU ({' '.join(command)}):\n{text}")
        lines += [line for line in done.stdout.splitlines() if line.startswith("test result")]
    return "\n".join(f"- {line}" for line in lines)


def losses(command: Path, mode: list[str], folder: Path) -> list[float]:
    """Train ViT-B from seeded weights for fifty steps, and give the loss of each."""
    pictures = folder / "pictures"
    if not pictures.exists():
        make = [str(command), "bench", "files", "--output", str(pictures)]
        subprocess.run([*make, "--count", str(4 * STEPS), "--longest", "400"], check=True)
    run = folder / "run"
    subprocess.run(
        [
            *(str(command), "train", "--device", "cuda", *mode, "--model-type", "vit_b"),
            *("--images", str(pictures / "images"), "--masks", str(pictures / "masks")),
            *("--hold-out", "0", "--max-epoch-num", "1", "--save-every", "0", "--log-every", "1"),
            *("--output", str(run), "--overwrite", "--json"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [entry["loss"] for entry in entries if entry["kind"] == "step"]


@dataclasses.dataclass
class Contestant:
    """A program that makes one training step for each line it is sent."""

    process: subprocess.Popen[str]
    ms: list[float] = dataclasses.field(default_factory=list)
    gpu_mib: int = 0

    @classmethod
    def start(cls, command: list[str]) -> Contestant:
        """Start it; it gets ready before it answers."""
        pipe = subprocess.PIPE
        return cls(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))

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


def speed(command: Path, model: str, batch: int, rounds: int) -> list[str]:
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
            contestant = Contestant.start(program)
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


def markdown(
    tests: str, curves: dict[str, list[float]], rows: list[list[str]], batch: int, rounds: int
) -> str:
    """Give the record."""
    exact = curves["f32"]
    bends = []
    for name, curve in curves.items():
        off = [abs(a / b - 1) for a, b in zip(curve, exact, strict=True)]
        verdict = "met" if max(off) <= TOLERANCE else "**missed**"
        bends.append(f"| {name} | {curve[0]:.4f} | {curve[-1]:.4f} | {max(off):.2%} | {verdict} |")
    name, driver = nvidia_smi("gpu=name,driver_version")[0].split(", ")
    lines = [
        f"# On a GPU, {datetime.date.today().isoformat()}",
        "",
        f"{name}, driver {driver}; {versions(PACKAGES)}. Made by `benches/python/gpu.py`.",
        "",
        "## Right",
        "",
        "The golden tests of the model and of five training steps, run on the GPU in f32:",
        "",
        tests,
        "",
        f"{STEPS} training steps of ViT-B from the same seeded weights, batch 4:",
        "",
        "| mode | first loss | last loss | farthest from f32 | within 1% |",
        "|---|---:|---:|---:|---|",
        *bends,
        "",
        "## Fast",
        "",
        f"A training step of {batch} images of 1024 x 1024, from u8 pixels in host memory to"
        " changed parameters: ours with the encoder in bf16 and the HQ head in f32, HQ-SAM's own in"
        f" f32 (eager, image by image in its decoder). Medians of {rounds} turns of ten steps;"
        " memory is what the driver says the process held.",
        "",
        "| model | ms, maskwright | PyTorch | images/s, maskwright | PyTorch | ratio | target | |"
        " GPU MiB, maskwright | PyTorch |",
        "|---|" + "---:|" * 6 + "---|---:|---:|",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Check, compare, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--maskwright", type=Path)
    parser.add_argument("--golden-tests", type=Path, nargs="*", default=[])
    parser.add_argument("--models", nargs="*", default=["vit_b", "vit_l", "vit_h"])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    flags = parser.parse_args()
    try:
        nvidia_smi("gpu=name")
        command = find_command(flags.maskwright)
        tests = golden(flags.golden_tests)
        print(tests, file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            curves = {name: losses(command, mode, Path(folder)) for name, mode in MODES.items()}
        rows = []
        for model in flags.models:
            rows.append(speed(command, model, flags.batch, flags.rounds))
            print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
    except GpuError as error:
        print(f"gpu.py: {error}", file=sys.stderr)
        return 1
    text = markdown(tests, curves, rows, flags.batch, flags.rounds)
    print(text)
    if flags.output is not None:
        flags.output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
