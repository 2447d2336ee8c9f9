"""Average precision of masks, by pycocotools; boundary AP by its rule on top of it.

As a program it prints the same figures for a real annotation file, with detections that are made
from the annotations by a rule that the test of `maskwright-image` follows, too::

    python python/golden/average_precision.py instances_val2014_100.json
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

Json = dict[str, Any]
Bits = npt.NDArray[np.uint8]
Overlaps = npt.NDArray[np.float64]

RATIO = 0.02
SIZES = [(90, 120), (64, 100), (110, 80), (70, 70)]
CATEGORIES = 3


class BoundaryEval(COCOeval):
    """The lesser of IoU and boundary IoU; crowds by IoU alone (Cheng et al., 2021)."""

    def computeIoU(self, imgId: int, catId: int) -> Overlaps:  # noqa: N802, N803
        """Compare the detections of an image and a category with its objects."""
        overlaps: Overlaps = super().computeIoU(imgId, catId)
        truths, found = self._gts[imgId, catId], self._dts[imgId, catId]
        if len(truths) == 0 or len(found) == 0:
            return overlaps
        order = np.argsort([-one["score"] for one in found], kind="mergesort")
        found = [found[at] for at in order][: self.params.maxDets[-1]]
        crowd = np.array([int(one["iscrowd"]) for one in truths])
        bands = rle.iou(
            [band(one["segmentation"]) for one in found],
            [band(one["segmentation"]) for one in truths],
            [0] * len(truths),
        )
        lesser: Overlaps = np.where(crowd[None] == 1, overlaps, np.minimum(overlaps, bands))
        return lesser


def band(mask: Json) -> Json:
    """Give the inner boundary of a mask, as the boundary IoU API cuts it out."""
    bits = rle.decode(mask)
    height, width = bits.shape
    distance = max(round(RATIO * float(np.hypot(height, width))), 1)
    padded = cv2.copyMakeBorder(bits, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=distance)
    return dict(rle.encode(np.asfortranarray(bits - inside[1:-1, 1:-1])))


def figures(truth: Json, found: list[Json]) -> dict[str, list[float]]:
    """Give COCO's twelve figures by masks and by boundaries; -1 where there is nothing to find."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        results = coco.loadRes(found)
        stats = {}
        for name, kind in [("mask", COCOeval), ("boundary", BoundaryEval)]:
            evaluation = kind(coco, results, "segm")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            stats[name] = [float(value) for value in evaluation.stats]
    return stats


def text(bits: Bits) -> Json:
    """Encode a mask as it stands in a file."""
    mask = rle.encode(np.asfortranarray(bits))
    return {"size": list(mask["size"]), "counts": mask["counts"].decode()}


def blob(rng: np.random.Generator, height: int, width: int) -> Bits:
    """Draw an ellipse."""
    rows, columns = np.mgrid[:height, :width]
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    tall, wide = rng.uniform(4, height / 2), rng.uniform(4, width / 2)
    inside: Bits = (((rows - y) / tall) ** 2 + ((columns - x) / wide) ** 2 < 1).astype(np.uint8)
    return inside


def case(path: Path, seed: int) -> None:
    """Write objects, detections with equal scores among them, and the figures."""
    rng = np.random.default_rng([seed, 10])
    images = [
        {"id": at + 1, "height": height, "width": width} for at, (height, width) in enumerate(SIZES)
    ]
    annotations: list[Json] = []
    found: list[Json] = []
    for image in images:
        height, width = image["height"], image["width"]
        for _ in range(9):
            category, bits = int(rng.integers(1, CATEGORIES + 1)), blob(rng, height, width)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image["id"],
                    "category_id": category,
                    "iscrowd": int(rng.random() < 0.15),
                    "area": float(bits.sum() + rng.integers(0, 3)),
                    "segmentation": text(bits),
                }
            )
            for _ in range(int(rng.integers(0, 4))):
                moved = np.roll(bits, int(rng.integers(-3, 4)), axis=1)
                found.append(
                    {
                        "image_id": image["id"],
                        "category_id": category if rng.random() < 0.9 else 1,
                        "score": float(rng.integers(1, 9)) / 8,
                        "segmentation": text(moved),
                    }
                )
    truth = {
        "images": images,
        "categories": [{"id": at + 1, "name": str(at + 1)} for at in range(CATEGORIES)],
        "annotations": annotations,
    }
    stats = figures(truth, json.loads(json.dumps(found)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**truth, "found": found, "figures": stats}, indent=0) + "\n")


def made_up(coco: COCO) -> list[Json]:
    """Make detections of real annotations: each is its object and the object moved to the right."""
    found = []
    for one in coco.dataset["annotations"]:
        number = int(one["id"])
        bits = rle.decode(coco.annToRLE(one))
        shift = number % 7
        moved = np.zeros_like(bits)
        moved[:, shift:] = bits[:, : bits.shape[1] - shift]
        category = one["category_id"] if number % 11 else 1
        score = float(number * 7919 % 100) / 100
        mask = text(np.maximum(bits, moved))
        detection = {"image_id": one["image_id"], "category_id": category, "segmentation": mask}
        found.append({**detection, "score": score})
        if number % 5 == 0:
            found.append({**detection, "score": score / 2})
    return found


def main() -> None:
    """Print the figures of a real file."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(sys.argv[1])
    print(json.dumps(figures(coco.dataset, made_up(coco)), indent=1))


if __name__ == "__main__":
    main()
