"""Time maskwright's model beside PyTorch's, in turns, two threads each.

For each model and part both programs get ready and then take turns: a round is one measurement of
each, in alternating order, so that a machine that is shared or slows down hits both alike. A table
holds the medians over the rounds of wall time and of CPU time (all threads together), and the
median of the ratios within a round. On a machine with other work, CPU time is the one to go by
(``--busy``; PyTorch's threads then sleep while they wait, which would otherwise count)::

    python model.py --models vit_tiny vit_b --rounds 7 --output ../record/DATE-model.md
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
from pathlib import Path

from machine import processor, versions
from ours import find_command

MODELS = ["vit_tiny", "vit_b", "vit_l", "vit_h"]
PARTS = ["encoder", "decoder", "head", "step"]
TITLES = {
    "encoder": "image encoder",
    "decoder": "one box after the embedding",
    "head": "HQ head, forward + backward",
    "step": "training step, one image",
}
TARGETS = {
    "encoder": {"vit_tiny": 1.0, "vit_b": 0.8, "vit_l": 0.8},
    "decoder": dict.fromkeys(MODELS, 1.0),
    "head": dict.fromkeys(MODELS, 1.0),
    # HQ-SAM's trainer has no TinyViT.
    "step": dict.fromkeys(["vit_b", "vit_l", "vit_h"], 0.75),
}
BUSY = (
    "The machine had other work meanwhile, and so targets are judged by CPU time; PyTorch's threads"
    " were told to sleep while they wait for each other, which would otherwise count."
)
# What maskwright tells glibc about itself (crates/maskwright/src/memory.c), for PyTorch.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str((1 << 31) - 1)}
PACKAGES = ["torch", "segment_anything_hq", "timm", "numpy"]


class Contestant:
    """A program that measures once for each line it is sent."""

    def __init__(self, command: list[str], busy: bool, keeps_memory: bool = False) -> None:
        threads = {"RAYON_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
        if keeps_memory:
            threads |= KEEP_MEMORY
        if busy:
            threads |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | threads,
        )
        self.ms: list[float] = []
        self.cpu_ms: list[float] = []
        self.peak_mib = 0

    def measure(self) -> None:
        """Let it work once."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the contestant has no pipes")
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait()}")
        answer = json.loads(line)
        self.ms.append(answer["ms"])
        self.cpu_ms.append(answer["cpu_ms"])
        self.peak_mib = answer["peak_mib"]

    def end(self) -> None:
        """Let it go."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


@dataclasses.dataclass
class Row:
    """One model and part."""

    model: str
    part: str
    ours: Contestant
    theirs: Contestant
    busy: bool

    def ratios(self) -> tuple[float, float]:
        """Give our time over theirs, by wall and CPU: the medians over the rounds."""

        def ratio(ours: list[float], theirs: list[float]) -> float:
            return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))

        return (
            ratio(self.ours.ms, self.theirs.ms),
            ratio(self.ours.cpu_ms, self.theirs.cpu_ms),
        )

    def cells(self) -> list[str]:
        """Give the row of the table."""
        target = TARGETS[self.part].get(self.model)
        ratios = self.ratios()
        ratio = ratios[self.busy]
        memory = self.ours.peak_mib / self.theirs.peak_mib
        verdict = "" if target is None else "met" if ratio <= target else "**missed**"
        return [
            self.model,
            TITLES[self.part],
            *(f"{statistics.median(c.ms):.0f}" for c in (self.ours, self.theirs)),
            f"{ratios[0]:.2f}",
            *(f"{statistics.median(c.cpu_ms):.0f}" for c in (self.ours, self.theirs)),
            f"{ratios[1]:.2f}",
            "" if target is None else f"{target:.2f}",
            verdict,
            str(self.ours.peak_mib),
            str(self.theirs.peak_mib),
            f"{memory:.2f}",
        ]


def compare(
    command: Path, model: str, part: str, rounds: int, busy: bool, same_memory: bool
) -> Row:
    """Measure one model and part, in turns."""
    ours = [str(command), "bench", "model", "--model-type", model, "--part", part, "--in-turns"]
    worker = Path(__file__).with_name("torch_model.py")
    theirs = [sys.executable, "-W", "ignore", str(worker), model, part]
    torch = Contestant(theirs, busy, keeps_memory=same_memory)
    row = Row(model, part, Contestant(ours, busy), torch, busy)
    for number in range(rounds):
        pair = [row.ours, row.theirs]
        for contestant in pair if number % 2 == 0 else reversed(pair):
            contestant.measure()
    row.ours.end()
    row.theirs.end()
    return row


def markdown(rows: list[Row], rounds: int, loads: tuple[float, float]) -> str:
    """Give the record."""
    name, cores = processor()
    lines = [
        f"# The model, side by side, {datetime.date.today().isoformat()}",
        "",
        f"maskwright and PyTorch (the public package, eager) on the same work, f32, input 1024, two"
        f" threads each, {rounds} rounds in turns. Times are medians in milliseconds, the ratio"
        " (ours over PyTorch's) is the median of the ratios within a round, memory is the most"
        " that each process has held. Made by `benches/python/model.py`. "
        + (BUSY if rows[0].busy else "Targets are judged by wall time."),
        "",
        "| model | work | wall, maskwright | PyTorch | ratio | CPU, maskwright | PyTorch | ratio |"
        " target | | MiB, maskwright | PyTorch | ratio |",
        "|---|---|" + "---:|" * 7 + "---|" + "---:|" * 3,
        *("| " + " | ".join(row.cells()) + " |" for row in rows),
        "",
        "The training step is HQ-SAM's in PyTorch's column, which also runs SAM's own decoder and"
        " the upscaling of its mask. Our prompt reuses what the HQ head makes of the image alone;"
        " the package makes it anew for each prompt.",
        "",
        "## Machine and versions",
        "",
        f"{name}, {cores} cores; load {loads[0]:.1f} at the start, {loads[1]:.1f}"
        " at the end, of which this comparison is 2.",
        "",
        f"{versions(PACKAGES)}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Compare, print and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--maskwright", type=Path)
    parser.add_argument("--models", nargs="*", default=["vit_tiny", "vit_b", "vit_l"])
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--busy", action="store_true", help="the machine has other work")
    parser.add_argument(
        "--same-memory",
        action="store_true",
        help="PyTorch keeps freed memory too, as maskwright does; say so in the record",
    )
    parser.add_argument("--output", type=Path)
    flags = parser.parse_args()
    command = find_command(flags.maskwright)
    start = os.getloadavg()[0]
    rows = []
    for model in flags.models:
        for part in flags.parts:
            rows.append(compare(command, model, part, flags.rounds, flags.busy, flags.same_memory))
            print(*rows[-1].cells(), sep="  ", file=sys.stderr, flush=True)
    text = markdown(rows, flags.rounds, (start, os.getloadavg()[0]))
    print(text)
    if flags.output is not None:
        flags.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
