"""Time ``maskwright.mask`` beside pycocotools and faster-coco-eval on real annotation files.

python benches/python/masks.py instances_val2017.json [sa_1.json ...] [--output masks.md]

All masks of the files become compressed run lengths once, whatever they are there. Then each
library decodes them all, image by image, encodes what it has decoded, and computes the IoU of the
masks of each image with each other, and with a second list of equal ones, of which nobody knows
that they are equal. The libraries take turns, and each one's best of several turns
counts. Before anything is timed their results are compared.

maskwright works on 2 threads (``RAYON_NUM_THREADS``); the others have one.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("RAYON_NUM_THREADS", "2")

import numpy as np

from machine import processor, versions

LIBRARIES = {
    "maskwright": "maskwright.mask",
    "pycocotools": "pycocotools.mask",
    "faster-coco-eval": "faster_coco_eval.core.mask",
}
TURNS = 5

Image = list[dict[str, Any]]
"""The masks of one image."""
Result = Any
"""Masks, or an array."""


def images(file: Path, mask: ModuleType) -> list[Image]:
    """Read the masks of a file of COCO or SA-1B, image by image, as compressed run lengths."""
    content = json.loads(file.read_text(encoding="utf-8"))
    listed = content.get("images") or [content["image"]]
    sizes = {one.get("id", one.get("image_id")): (one["height"], one["width"]) for one in listed}
    only = next(iter(sizes))
    found: dict[Any, Image] = {}
    for one in content["annotations"]:
        image, segmentation = one.get("image_id", only), one.get("segmentation")
        if image not in sizes or not segmentation:
            continue
        if isinstance(segmentation, list):
            polygons = mask.frPyObjects(segmentation, *sizes[image])
            rle = mask.merge(polygons)
        elif isinstance(segmentation["counts"], list):
            rle = mask.frPyObjects(segmentation, *sizes[image])
        else:
            rle = {**segmentation, "counts": segmentation["counts"].encode()}
        found.setdefault(image, []).append(rle)
    return list(found.values())


def work(mask: ModuleType, masks: list[Image], arrays: list[Any]) -> dict[str, Callable[[], Any]]:
    """Give what is timed; ``arrays`` are the decoded masks."""
    others = [[dict(one) for one in image] for image in masks]
    return {
        "decode": lambda: [mask.decode(image) for image in masks],
        "encode": lambda: [mask.encode(array) for array in arrays],
        "IoU among themselves": lambda: [
            mask.iou(image, image, [0] * len(image)) for image in masks
        ],
        "IoU with as many others": lambda: [
            mask.iou(image, other, [0] * len(image))
            for image, other in zip(masks, others, strict=True)
        ],
    }


def same(one: Result, other: Result) -> bool:
    """Whether two libraries gave the same."""
    if isinstance(one, list) and one and isinstance(one[0], dict):
        return bool(one == other)
    return bool(np.array_equal(one, other))


def main() -> int:
    """Compare, time, and print a table; 1 where results differ."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--output", type=Path)
    flags = parser.parse_args()
    libraries: dict[str, ModuleType] = {}
    for name, module in LIBRARIES.items():
        try:
            libraries[name] = importlib.import_module(module)
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    ours = libraries["maskwright"]
    masks = [image for file in flags.files for image in images(file, ours)]
    arrays = [ours.decode(image) for image in masks]
    jobs = {name: work(library, masks, arrays) for name, library in libraries.items()}
    best = {(name, task): float("inf") for name in jobs for task in jobs[name]}
    for task in jobs["maskwright"]:
        expected = jobs["maskwright"][task]()
        for name in jobs:
            if not all(map(same, expected, jobs[name][task]())):
                print(f"{name}: {task} differs", file=sys.stderr)
                return 1
        for _ in range(TURNS):
            for name in jobs:
                started = time.perf_counter()
                jobs[name][task]()
                best[name, task] = min(best[name, task], time.perf_counter() - started)
    count, pixels = sum(map(len, masks)), sum(array.size for array in arrays)
    lines = [
        f"{count} masks of {len(masks)} images, {pixels / 1e6:.0f} million pixels; best of {TURNS} "
        "turns, milliseconds, and how many times as long as maskwright's. Results are equal.",
        "",
        f"| | {' | '.join(jobs)} |",
        f"|---|{'---:|' * len(jobs)}",
    ]
    for task in jobs["maskwright"]:
        times = [best[name, task] for name in jobs]
        cells = [f"{1e3 * seconds:.1f} ({seconds / times[0]:.1f})" for seconds in times]
        lines.append(f"| {task} | {' | '.join(cells)} |")
    model, cores = processor()
    packages = versions(["numpy", "pycocotools", "faster-coco-eval"])
    lines += ["", f"{model}, {cores} cores; {packages}", ""]
    text = "\n".join(lines)
    print(text)
    if flags.output is not None:
        flags.output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
