"""Hold maskwright's masks of everything to those of SAM's automatic mask generator.

A TinyViT with seeded random weights is asked by ``segment_anything_hq``'s
``SamAutomaticMaskGenerator`` and by ``maskwright masks --geometry sam``, with and without crops and
the removal of small regions. Both must give the same masks of the same points; logits that differ
in their last bits may turn single pixels, and so masks count as the same from an IoU of 0.999 on.
Random weights give nearly the same mask everywhere, of which the suppression of duplicates would
leave one: it is tried with it, and without it on all masks::

    python generator.py --maskwright ../../target/release/maskwright
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from segment_anything_hq import SamAutomaticMaskGenerator

import prompts
import reference

SEED = 7
SAME = 0.999
"""IoU from which two masks count as the same."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]

SETTINGS: list[dict[str, float]] = [
    {"points_per_side": 6, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0},
    {
        "points_per_side": 8,
        "pred_iou_thresh": 0.0,
        "stability_score_thresh": 0.3,
        "stability_score_offset": 0.02,
        "box_nms_thresh": 1.0,
    },
    {
        "points_per_side": 4,
        "points_per_batch": 6,
        "pred_iou_thresh": 0.0,
        "stability_score_thresh": 0.0,
        "stability_score_offset": 0.5,
        "box_nms_thresh": 1.0,
        "crop_n_layers": 1,
        "crop_n_points_downscale_factor": 2,
        "crop_nms_thresh": 1.0,
        "min_mask_region_area": 60,
    },
]


def decoded(segmentation: dict[str, Any]) -> Mask:
    """Decode COCO's compressed run lengths."""
    height, width = segmentation["size"]
    counts: list[int] = []
    value, shift = 0, 0
    for character in segmentation["counts"].encode():
        digit = character - 48
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            if digit & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return np.asarray(flat.reshape(width, height).T)


def iou(a: Mask, b: Mask) -> float:
    """Give the intersection over union; 1 for two empty masks."""
    either = (a | b).sum()
    return float((a & b).sum() / either) if either else 1.0


def faults(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[str]:
    """Say what differs."""
    if len(found) != len(expected):
        return [f"{len(expected)} masks expected, {len(found)} found"]
    texts = []

    def by_place(entry: dict[str, Any]) -> tuple[list[float], list[float]]:
        return entry["crop_box"], entry["point_coords"][0]

    pairs = zip(sorted(found, key=by_place), sorted(expected, key=by_place), strict=True)
    for place, (ours, theirs) in enumerate(pairs):
        mask = decoded(ours["segmentation"])
        same = iou(mask, theirs["segmentation"])
        if same < SAME:
            texts.append(f"mask {place}: IoU {same:.4f}")
        if ours["area"] != mask.sum():
            texts.append(f"mask {place}: area {ours['area']} of {mask.sum()} pixels")
        for key, tolerance in [
            ("bbox", 1.0),
            ("predicted_iou", 1e-3),
            ("stability_score", 1e-3),
            ("crop_box", 0.0),
            ("point_coords", 1e-9),
        ]:
            off = np.abs(np.array(ours[key]) - np.array(theirs[key])).max()
            if off > tolerance:
                texts.append(f"mask {place}: {key} {ours[key]} for {theirs[key]}")
    return texts


def main() -> int:
    """Compare; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--maskwright", type=Path, default=Path("target/release/maskwright"))
    flags = parser.parse_args()
    torch.set_num_threads(2)
    image = prompts.image(SEED)
    model = reference.build("vit_tiny", SEED)
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.fromarray(image).save(folder / "image.png")
        torch.save(model.state_dict(), folder / "model.pth")
        for settings in SETTINGS:
            generator = SamAutomaticMaskGenerator(model, **settings)
            expected = generator.generate(image)
            options = [f"--{key.replace('_', '-')}={value}" for key, value in settings.items()]
            command = [str(flags.maskwright), "masks", "--geometry=sam", "--json", *options]
            command += [f"--checkpoint={folder / 'model.pth'}", f"--output={folder}", "--force"]
            command += [f"--input={folder / 'image.png'}"]
            subprocess.run(command, check=True, capture_output=True)
            written = json.loads((folder / "image.json").read_text(encoding="utf-8"))
            texts = faults(written["annotations"], expected)
            wrong += len(texts)
            print(f"{settings}: {len(expected)} masks, {len(texts)} faults", *texts, sep="\n  ")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
