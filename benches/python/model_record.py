"""The record of ``model.py``: who was measured, who is the fastest, and by how much."""

from __future__ import annotations

import dataclasses
import datetime
import os
import statistics
from pathlib import Path

import record_file
from accuracy import MOST_MEAN, MOST_PIXELS, OURS, Difference
from machine import processor_for_products, versions
from turns import Contestant
from ways import REFERENCE, WAYS

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
"""The most that our time may be of the fastest opponent's."""
TARGETS_BF16 = {"vit_tiny": 0.8, **dict.fromkeys(["vit_b", "vit_l", "vit_h"], 0.6)}
"""The same of the image encoder where ours multiplies bf16."""
BUSY = (
    "The machine had other work meanwhile, and so the fastest is found and targets are judged by"
    " CPU time; PyTorch's threads were told to sleep while they wait for each other, which would"
    " otherwise count."
)
PACKAGES = ["torch", "segment_anything_hq", "transformers", "timm", "numpy"]


@dataclasses.dataclass
class Row:
    """One model and part: who was measured, and why some were not."""

    model: str
    part: str
    contestants: dict[str, Contestant]
    missing: dict[str, str]
    busy: bool

    def time(self, name: str) -> float:
        """Give the median of what counts, wall or CPU time, in milliseconds."""
        one = self.contestants[name]
        return statistics.median(one.cpu_ms if self.busy else one.ms)

    def ratio(self, name: str, cpu: bool) -> float:
        """Give our time over a contestant's: the median over the rounds."""
        ours, theirs = self.contestants[OURS], self.contestants[name]
        pairs = zip(ours.cpu_ms, theirs.cpu_ms, strict=True)
        if not cpu:
            pairs = zip(ours.ms, theirs.ms, strict=True)
        return statistics.median(a / b for a, b in pairs)

    def fastest(self, names: set[str]) -> str | None:
        """Find the opponent of the least time among some."""
        measured = [name for name in names if name in self.contestants and name != OURS]
        return min(measured, key=self.time, default=None)


@dataclasses.dataclass
class Record:
    """All rows, and how far the contestants are from one another."""

    rounds: int
    precision: str
    """What maskwright's frozen encoder multiplies in."""
    busy: bool
    same_memory: bool
    trained: list[str]
    load: float
    rows: list[Row] = dataclasses.field(default_factory=list)
    differences: dict[str, dict[str, Difference]] = dataclasses.field(default_factory=dict)
    failures: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)

    def holding(self, model: str, single: bool = False) -> set[str]:
        """Name the ways that hold the accuracy, or those in f32 among them."""
        found = self.differences[model]
        names = {name for name in WAYS if name in found and found[name].holds()}
        return {name for name in names if not single or WAYS[name].precision == "f32"}

    def summary(self, row: Row) -> list[str]:
        """Give a row of the first table."""
        fastest = row.fastest(self.holding(row.model))
        single = row.fastest(self.holding(row.model, single=True))
        memory = [str(row.contestants[OURS].peak_mib)]
        memory.append("" if fastest is None else str(row.contestants[fastest].peak_mib))
        return [
            *(row.model, TITLES[row.part], f"{row.time(OURS):.0f}"),
            *(fastest or "none", *self.beside(row, fastest), *self.verdict(row, fastest)),
            *(single or "none", *self.beside(row, single)),
            *self.beside(row, REFERENCE if REFERENCE in row.contestants else None),
            *memory,
        ]

    def beside(self, row: Row, name: str | None) -> list[str]:
        """Give an opponent's time, and ours over it."""
        if name is None:
            return ["", ""]
        return [f"{row.time(name):.0f}", f"{row.ratio(name, self.busy):.2f}"]

    def verdict(self, row: Row, name: str | None) -> list[str]:
        """Give the target and whether it is met."""
        short = row.part == "encoder" and self.precision == "bf16"
        target = (TARGETS_BF16 if short else TARGETS[row.part]).get(row.model)
        if target is None or name is None:
            return ["", ""]
        met = row.ratio(name, self.busy) <= target
        return [f"{target:.2f}", "met" if met else "**missed**"]

    def markdown(self) -> str:
        """Give the whole record."""
        kind = "CPU" if self.busy else "wall"
        rounds = f"{self.rounds} rounds in turns"
        lines = [
            f"# The model, side by side, {datetime.date.today().isoformat()}",
            "",
            f"maskwright ({self.precision}) and PyTorch in several ways on the same work, input"
            f" 1024, two threads each, {rounds}. Times are medians in milliseconds ({kind} time),"
            " a ratio (ours over theirs) is the median of the ratios within a round, memory is the"
            " most that each process has held. Made by `benches/python/model.py`. "
            + (BUSY if self.busy else "Targets are judged by wall time."),
            "",
            "**Targets are judged against the fastest opponent whose results are within the limits"
            f" below**; the public package as it is in f32 (`{REFERENCE}`) is here for reference.",
            "",
            "| model | work | ms, maskwright | fastest opponent | ms | ratio | target | |"
            " fastest in f32 | ms | ratio | ms, eager f32 | ratio | MiB, maskwright | fastest |",
            "|---|---|---:|---|---:|---:|---:|---|---|" + "---:|" * 6,
            *("| " + " | ".join(self.summary(row)) + " |" for row in self.rows),
            "",
            *self.notes(),
            *self.accuracy(),
            *self.everyone(),
            "## Machine and versions",
            "",
            f"{processor_for_products()}; load {self.load:.1f} at the start,"
            f" {os.getloadavg()[0]:.1f} at the end, of which this comparison is 2.",
            "",
            f"{versions(PACKAGES)}.",
            "",
        ]
        return "\n".join(lines)

    def notes(self) -> list[str]:
        """Say what is not the same on both sides."""
        kept = "PyTorch was told to keep freed memory, as maskwright does."
        memory = kept if self.same_memory else ""
        return [
            f"The training step of `{REFERENCE}` is HQ-SAM's, which also runs SAM's own decoder and"
            " the upscaling of its mask; the other opponents leave both out, as ours does. Our"
            " prompt reuses what the HQ head makes of the image alone; the package makes it anew"
            f" for each prompt. {memory}".rstrip(),
            "",
        ]

    def accuracy(self) -> list[str]:
        """Give the table of differences."""
        weights = "seeded weights, a mask is where logits are above the reference's median"
        if self.trained:
            weights = f"trained weights of {', '.join(self.trained)}; otherwise {weights}"
        lines = [
            "## How close the results are",
            "",
            f"Features of the image encoder and the mask of a box, against `{REFERENCE}` with the"
            f" same weights, in the same run ({weights}). Differences of features are in standard"
            f" deviations of the reference's. Limits: mean {MOST_MEAN}, pixels {MOST_PIXELS:.0%}.",
            "",
            "| model | contestant | mean | largest | pixels that differ | |",
            "|---|---|---:|---:|---:|---|",
        ]
        for model, found in self.differences.items():
            for name, off in found.items():
                verdict = "holds" if off.holds() else "**does not hold**"
                figures = f"{off.mean:.2g} | {off.largest:.2g} | {off.pixels:.3%}"
                lines.append(f"| {model} | {name} | {figures} | {verdict} |")
            for name, why in self.failures[model].items():
                lines.append(f"| {model} | {name} | | | | not run: {why} |")
        return [*lines, ""]

    def everyone(self) -> list[str]:
        """Give the table of all measurements."""
        lines = [
            "## Everyone",
            "",
            *(f"- `{name}`: {way.about}" for name, way in WAYS.items()),
            "",
            "| model | work | contestant | wall ms | ratio | CPU ms | ratio | MiB |",
            "|---|---|---|" + "---:|" * 5,
        ]
        for row in self.rows:
            for name, one in row.contestants.items():
                wall, cpu = statistics.median(one.ms), statistics.median(one.cpu_ms)
                ratios = [f"{row.ratio(name, each):.2f}" for each in (False, True)]
                figures = f"{wall:.0f} | {ratios[0]} | {cpu:.0f} | {ratios[1]} | {one.peak_mib}"
                lines.append(f"| {row.model} | {TITLES[row.part]} | {name} | {figures} |")
            for name, why in row.missing.items():
                lines.append(f"| {row.model} | {TITLES[row.part]} | {name} | | | | | {why} |")
        return [*lines, ""]

    def write(self, path: Path | None) -> None:
        """Write it whole, or leave what was there."""
        record_file.write(path, self.markdown())
