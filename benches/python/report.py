"""A comparison as a page of Markdown: the table, the targets, the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

import contestants
from machine import processor, versions
from opponent import Pair

OURS = "maskwright"

OURS_ABOUT = {
    OURS: "**maskwright**, one thread",
    "maskwright_avx2": "maskwright, AVX2 forced",
    "maskwright_2_threads": "maskwright, two threads, CPU time of each",
}

PACKAGES = (
    "torch",
    "torchvision",
    "opencv-python-headless",
    "simplejpeg",
    "nvidia-dali-cuda130",
    "pillow",
    "scikit-image",
    "numpy",
    "numba",
    "deflate",
)

STAGES = {
    "read": "reading both files",
    "header": "headers",
    "decode_mask": "decoding the mask",
    "label": "sampling the label",
    "decode_and_sample": "decoding and sampling the image, row by row",
    "prompts": "prompts",
}


@dataclass
class Files:
    """The set of files."""

    pairs: int
    megapixels: float
    image_bits: float
    mask_bits: float
    seeded: bool = False


@dataclass
class Record:
    """What a comparison measured."""

    date: str
    rounds: int
    per_round: int
    size: int
    files: Files
    load: list[float]
    about: dict[str, str] = field(default_factory=dict)
    ms: dict[str, list[float]] = field(default_factory=dict)
    """CPU milliseconds per sample, one number per round."""
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What maskwright said of itself in each round."""
    missing: dict[str, str] = field(default_factory=dict)

    def ratio(self, of: str, to: str) -> float:
        """Median over the rounds of the quotient of two times."""
        return median(a / b for a, b in zip(self.ms[of], self.ms[to], strict=True))


def describe_files(pairs: Sequence[Pair]) -> Files:
    """Sizes of a set of files: mean megapixels, compressed bits per pixel."""
    pixels = 0
    for pair in pairs:
        with Image.open(pair.image) as file:
            pixels += file.width * file.height

    def bits(paths: list[Path]) -> float:
        return 8 * sum(path.stat().st_size for path in paths) / pixels

    return Files(
        pairs=len(pairs),
        megapixels=pixels / 1e6 / len(pairs),
        image_bits=bits([pair.image for pair in pairs]),
        mask_bits=bits([pair.mask for pair in pairs]),
    )


def markdown(record: Record) -> str:
    """The whole page."""
    parts = [
        f"# The data path, side by side, {record.date}",
        method(record),
        "## Whole sample: read, decode, flip, jitter, prompt",
        results(record),
        "## Targets",
        targets(record),
        "## Where maskwright's time goes",
        stages(record),
        "## Machine and versions",
        machine(record),
    ]
    return "\n\n".join(parts) + "\n"


def method(record: Record) -> str:
    """What was done, in a paragraph."""
    files = record.files
    origin = "`maskwright bench files`, seed 0" if files.seeded else "a set of our own"
    return (
        f"{files.pairs} JPEG/PNG pairs ({origin}; mean {files.megapixels:.1f} megapixels, "
        f"{files.image_bits:.2f} bits per pixel of JPEG, {files.mask_bits:.2f} of mask) into "
        f"samples of {record.size} x {record.size}. {record.rounds} rounds of {record.per_round} "
        "samples; in each round all contestants made the same samples, in turns, one thread each. "
        "CPU time per sample: median over the rounds, and from the fastest to the slowest round "
        "(draws differ between rounds, so the spread is not only noise). Ratios are medians of "
        "the ratios within a round. Made by `benches/python/compare.py`; `check.py` beside it "
        "holds all contestants to the same pixels and prompts."
    )


def results(record: Record) -> str:
    """One row per contestant, slowest first."""
    has_baseline = contestants.BASELINE in record.ms
    rows = []
    for name in sorted(record.ms, key=lambda name: -median(record.ms[name])):
        times = record.ms[name]
        about = OURS_ABOUT.get(name) or record.about[name]
        rows.append(
            [
                about,
                f"{median(times):.2f}",
                f"{min(times):.2f}-{max(times):.2f}",
                f"{1000 / median(times):.1f}",
                f"{record.ratio(contestants.BASELINE, name):.2f}" if has_baseline else "",
                f"{record.ratio(name, OURS):.2f}",
            ]
        )
    for name, reason in record.missing.items():
        rows.append([f"{name}: not available ({reason})", "", "", "", "", ""])
    head = ["", "ms/sample", "min-max", "images/s/core", "x HQ-SAM's", "time / maskwright's"]
    return table(head, rows)


def targets(record: Record) -> str:
    """What was asked for and what came out."""
    rows = []

    def row(what: str, wanted: str, got: float, met: bool) -> None:
        rows.append([what, wanted, f"{got:.2f}", "met" if met else "**missed**"])

    if contestants.BASELINE in record.ms:
        got = record.ratio(contestants.BASELINE, OURS)
        row("HQ-SAM's way / maskwright", "at least 10", got, got >= 10)
    skip = contestants.UNRATED | {contestants.BASELINE} | OURS_ABOUT.keys()
    rated = [name for name in record.ms if name not in skip]
    if rated:
        best = min(rated, key=lambda name: median(record.ms[name]))
        got = record.ratio(best, OURS)
        what = f"best Python opponent ({record.about[best]}) / maskwright"
        row(what, "at least 2.5", got, got >= 2.5)
    if contestants.YARDSTICK in record.ms:
        got = record.ratio(OURS, contestants.YARDSTICK)
        what = "maskwright / decoding both files in full (libjpeg-turbo + libdeflate)"
        row(what, "at most 1.0", got, got <= 1)
    got = median(answer["over_whole_decode"] for answer in record.answers[OURS])
    row("the same, decoded by maskwright's own decoders", "at most 1.0", got, got <= 1)
    if "maskwright_avx2" in record.ms:
        got = record.ratio("maskwright_avx2", OURS)
        row("AVX2 forced / the default instruction set", "at most 1.25", got, got <= 1.25)
    if "maskwright_2_threads" in record.ms:
        pairs = zip(record.answers["maskwright_2_threads"], record.answers[OURS], strict=True)
        got = median(two["images_per_second"] / one["images_per_second"] for two, one in pairs)
        what = "images/s of two threads / of one, by wall time"
        row(what, "at least 1.9", got, got >= 1.9)
        if got < 1.9 and max(record.load) > processor()[1] - 0.5:
            rows[-1][-1] = "not measurable: the cores were busy with other work"
    return table(["", "target", "measured", ""], rows)


def stages(record: Record) -> str:
    """What maskwright says of its own time."""
    answers = record.answers[OURS]
    rows = [
        [about, f"{median(answer['ms'][key] for answer in answers):.3f}"]
        for key, about in STAGES.items()
    ]
    answer = answers[-1]
    note = f"Decoder: {answer['decoder']}; instruction set: {answer['simd']}."
    return table(["stage", "ms of CPU"], rows) + "\n\n" + note


def machine(record: Record) -> str:
    """The processor, how busy it was, and the versions."""
    model, cores = processor()
    start, end = record.load[0], record.load[-1]
    return (
        f"{model}, {cores} cores; load {start:.1f} at the start, {end:.1f} at the end, of which "
        f"this comparison is 1.\n\n{versions(PACKAGES)}."
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first column to the left and the others to the right."""
    align = ["---"] + ["---:"] * (len(head) - 1)
    lines = [head, align, *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
