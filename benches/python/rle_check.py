"""Run-length masks by pycocotools, for the tests of maskwright-image to compare with.

The fixture in the repository, our own random polygons and pairs of masks::

    python rle_check.py fixture ../../crates/maskwright-image/tests/data/rle.json

Real annotations (COCO's instances, SA-1B's), which are not in the repository. The cases are
written, then compared by an otherwise ignored test::

    python rle_check.py real cases.json instances.json sa_1.json ...
    MASKWRIGHT_RLE_CASES=$PWD/cases.json cargo test --release -p maskwright-image \
        --test rle -- --ignored --nocapture
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

SEED = 20_261_124

Json = dict[str, Any]
Polygon = list[float]


def main() -> None:
    """Write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("kind", choices=["fixture", "real"])
    parser.add_argument("out", type=Path)
    parser.add_argument("annotations", type=Path, nargs="*")
    arguments = parser.parse_args()
    if arguments.kind == "fixture":
        draw = random.Random(SEED)
        masks = [polygon_case(*random_polygons(draw, k)) for k in range(264)]
        pairs = [pair_case(draw) for _ in range(60)]
    else:
        masks = [case for path in arguments.annotations for case in real_cases(path)]
        pairs = []
    lists = [",\n".join(json.dumps(case) for case in cases) for cases in (masks, pairs)]
    arguments.out.write_text(f'{{"masks": [\n{lists[0]}\n],\n"pairs": [\n{lists[1]}\n]}}\n')
    print(f"{len(masks)} masks in {arguments.out}")


def measured(run: Json) -> Json:
    """Return a mask's string, area and box as pycocotools tells them."""
    return {
        "counts": run["counts"].decode(),
        "area": int(coco.area(run)),
        "bbox": [int(number) for number in coco.toBbox(run)],
    }


def polygon_case(height: int, width: int, polygons: list[Polygon]) -> Json:
    """Fill polygons."""
    runs = coco.merge(coco.frPyObjects(polygons, height, width))
    return {"size": [height, width], "polygons": polygons, **measured(runs)}


def random_polygons(draw: random.Random, kind: int) -> tuple[int, int, list[Polygon]]:
    """Draw what goes wrong easily; `kind` goes round the kinds."""
    kind %= 12
    height, width = draw.randint(1, 90), draw.randint(1, 90)
    if kind == 0:
        height, width = draw.choice([(1, 1), (1, 40), (40, 1), (2, 2), (3, 65)])

    def point(low: float, high: float, digits: int | None = 2) -> Polygon:
        return [round(draw.uniform(low, high) * side, digits) for side in (width, height)]

    def polygon(points: int, low: float = 0.0, high: float = 1.0, digits: int = 2) -> Polygon:
        return [at for _ in range(points) for at in point(low, high, digits)]

    match kind:
        case 0:  # tiny pictures
            polygons = [polygon(draw.randint(3, 6), -0.5, 1.5)]
        case 1:  # crossing itself
            polygons = [polygon(draw.randint(5, 20))]
        case 2:  # partly outside
            polygons = [polygon(draw.randint(3, 8), -1.0, 2.0)]
        case 3:  # wholly outside
            low = draw.choice([-3.0, 1.01])
            polygons = [polygon(4, low, low + 1.5)]
        case 4:  # thin
            x, y = point(0.1, 0.9)
            dx, dy = point(-0.8, 0.8)
            thick = draw.choice([0.05, 0.2, 0.4, 1.0])
            polygons = [[x, y, x + dx, y + dy, x + dx + thick, y + dy, x, y + thick]]
        case 5:  # one pixel or less
            x, y = point(0.0, 1.0)
            size = draw.choice([0.1, 0.3, 0.5, 1.0, 1.4])
            polygons = [[x, y, x + size, y, x + size, y + size, x, y + size]]
        case 6:  # no area, points that repeat
            a, b = point(-0.2, 1.2), point(-0.2, 1.2)
            polygons = [draw.choice([a + a + a, a + b + a, a + a + b + b, a + b + b + a + a])]
        case 7:  # whole numbers, halves, and the fine grid's own columns
            step = draw.choice([1.0, 0.5, 0.2, 0.1])
            polygons = [[round(at / step) * step for at in polygon(6, -0.2, 1.2)]]
        case 8:  # huge
            polygons = [[at * draw.choice([1.0, 1e2, 1e4]) for at in polygon(5, -1.0, 1.0)]]
        case 9:  # boxes
            x, y = point(-0.2, 0.8)
            w, h = point(0.0, 0.9)
            polygons = [[x, y, x, y + h, x + w, y + h, x + w, y]]
        case 10:  # many digits
            polygons = [[at / 7 for at in polygon(6, -1.0, 8.0)]]
        case _:  # several
            polygons = [polygon(draw.randint(3, 7), -0.1, 1.1) for _ in range(draw.randint(2, 5))]
    return height, width, polygons


def pair_case(draw: random.Random) -> Json:
    """Combine two masks."""
    height, width = draw.randint(1, 30), draw.randint(1, 40)
    kind = draw.choice(["noise", "scene", "scene", "empty", "full"])

    def mask() -> Json:
        if kind == "noise":
            rows = [[draw.random() < 0.4 for _ in range(width)] for _ in range(height)]
        else:
            x0, y0 = draw.randrange(width), draw.randrange(height)
            x1, y1 = draw.randint(x0, width), draw.randint(y0, height)
            rows = [[y0 <= y < y1 and x0 <= x < x1 for x in range(width)] for y in range(height)]
        if kind == "full" or (kind == "empty" and draw.random() < 0.5):
            rows = [[kind == "full"] * width] * height
        encoded: Json = coco.encode(np.asfortranarray(rows, dtype=np.uint8))
        return encoded

    a, b = mask(), mask()
    return {
        "size": [height, width],
        "a": a["counts"].decode(),
        "b": b["counts"].decode(),
        "union": coco.merge([a, b])["counts"].decode(),
        "intersection": coco.merge([a, b], intersect=True)["counts"].decode(),
        "iou": float(coco.iou([a], [b], [0])[0, 0]),
        "crowd_iou": float(coco.iou([a], [b], [1])[0, 0]),
    }


def real_cases(path: Path) -> list[Json]:
    """Every segmentation of an annotation file."""
    file = json.loads(path.read_text())
    images = {image["id"]: image for image in file.get("images", [])}
    cases = []
    for annotation in file["annotations"]:
        image = images.get(annotation.get("image_id")) or file["image"]
        height, width = image["height"], image["width"]
        segmentation = annotation["segmentation"]
        if isinstance(segmentation, list):
            cases.append(polygon_case(height, width, segmentation))
            continue
        size = segmentation["size"]
        if isinstance(segmentation["counts"], list):
            run = coco.frPyObjects(segmentation, *size)
            cases.append({"size": size, "runs": segmentation["counts"], **measured(run)})
        else:
            run = {"size": size, "counts": segmentation["counts"].encode()}
            decoded = coco.encode(np.asfortranarray(coco.decode(run)))
            cases.append({"size": size, "text": segmentation["counts"], **measured(decoded)})
    return cases


if __name__ == "__main__":
    main()
