"""Compare average precision by ``maskwright eval --boxes truth`` with pycocotools'.

    python benches/python/ap_agreement.py model.safetensors val2017 instances_val2017.json

The command predicts a mask in the box of every annotation, crowds aside, and evaluates them
itself. Here ``maskwright.Predictor`` is asked for the same masks, image by image, and ``COCOeval``
of pycocotools evaluates them. All twelve figures of every kind of mask have to be the same to 1e-9,
or the exit status is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import maskwright
import numpy as np
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from machine import processor, versions
from ours import find_command

KINDS = ("sam", "hq", "sam_hq")
NAMES = ("ap", "ap50", "ap75", "small", "medium", "large")
LIMIT = 1e-9


def ours(command: Path, flags: argparse.Namespace) -> dict[str, list[float]]:
    """Evaluate by the command; the twelve figures in pycocotools' order."""
    data = ["--images", flags.images, "--coco", flags.annotations]
    model = ["--checkpoint", flags.checkpoint]
    options = ["--boxes", "truth", "--json"]
    text = subprocess.run(
        [command, "eval", *data, *model, *options], check=True, stdout=subprocess.PIPE
    ).stdout
    masks = json.loads(text)["masks"]
    figures = {one["mask"]: one["by_mask"] for one in masks}
    return {
        kind: [of[name] for name in NAMES] + of["recall"] + of["recall_by_area"]
        for kind, of in figures.items()
    }


def predictions(flags: argparse.Namespace, coco: COCO, kind: str) -> list[dict[str, Any]]:
    """Predict the mask of every annotation's box, as COCO's results."""
    predictor = maskwright.Predictor(flags.checkpoint, kind=kind)
    results = []
    for image in coco.loadImgs(coco.getImgIds()):
        annotations = coco.loadAnns(coco.getAnnIds(image["id"], iscrowd=False))
        if not annotations:
            continue
        boxes = np.array([one["bbox"] for one in annotations], np.float64)
        # Pixel indices, the last ones belong to the box.
        boxes[:, 2:] += boxes[:, :2] - 1
        with Image.open(flags.images / image["file_name"]) as picture:
            predictor.set_image(np.asarray(picture.convert("RGB")))
        masks, ious, _ = predictor.predict(box=boxes, multimask_output=False)
        for one, mask, iou in zip(annotations, masks[:, 0], ious[:, 0], strict=True):
            rle = maskwright.mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            of = {"image_id": image["id"], "category_id": one["category_id"]}
            results.append({**of, "segmentation": rle, "score": float(iou)})
    return results


def theirs(coco: COCO, results: list[dict[str, Any]]) -> list[float]:
    """Evaluate by pycocotools."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        evaluation = COCOeval(coco, coco.loadRes(results), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]


def main() -> int:
    """Compare and print a table; 1 where a figure differs."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--maskwright", type=Path)
    flags = parser.parse_args()
    found = ours(find_command(flags.maskwright), flags)
    with contextlib.redirect_stdout(sys.stderr):
        coco = COCO(str(flags.annotations))
    apart = 0.0
    print("| mask | by | AP | AP50 | AP75 | small | medium | large | AR1 | AR10 | AR100 |")
    print("|---|---|" + "---:|" * 9)
    for kind in [kind for kind in KINDS if kind in found]:
        pycocotools = theirs(coco, predictions(flags, coco, kind))
        for name, figures in (("maskwright", found[kind]), ("pycocotools", pycocotools)):
            cells = [f"{value:.6f}" for value in figures[:9]]
            print(f"| {kind} | {name} | {' | '.join(cells)} |")
        apart = max(apart, *map(abs, np.subtract(found[kind], pycocotools)))
    print(f"\nAll twelve figures at most {apart:.1e} apart.")
    model, cores = processor()
    print(f"\n{model}, {cores} cores; {versions(['numpy', 'pycocotools'])}")
    return int(apart > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
