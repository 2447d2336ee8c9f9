"""``maskwright.metrics``: cases by hand, and pycocotools' evaluation where it is installed."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import maskwright
from maskwright import mask, metrics


def square(start: int, stop: int, side: int = 40) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Make a mask whose rows and columns from start to stop are set."""
    array = np.zeros((side, side + 10), dtype=bool)
    array[start:stop, start:stop] = True
    return array


def test_iou_by_hand() -> None:
    # 20 x 20, and 15 x 15 inside it.
    small, large = square(10, 25), square(10, 30)
    assert metrics.iou(small, large) == 225 / 400
    assert metrics.iou(mask.encode(small), large.astype(np.uint8) * 9) == 225 / 400
    several = metrics.iou(np.stack([small, large]), [mask.encode(large), mask.encode(large)])
    assert several.tolist() == [225 / 400, 1]
    assert metrics.iou([small, square(0, 5, 20)], [large, square(0, 5, 20)]).tolist() == [
        225 / 400,
        1,
    ]
    # What the small one lacks counts for nothing.
    assert metrics.iou(small, large, ignored=large & ~small) == 1


def test_boundary_iou_by_hand() -> None:
    # The diagonal of 40 x 50 is 64; 2% of it are 1 pixel: rings of 56 and 76 pixels, of which 29 are shared.
    assert metrics.boundary_iou(square(10, 25), square(10, 30)) == 29 / (56 + 76 - 29)
    # 5% are 3 pixels: of 15 x 15 all but 9 x 9, of 20 x 20 all but 14 x 14.
    found = metrics.boundary_iou(square(10, 25), square(10, 30), dilation_ratio=0.05)
    small, large = 225 - 81, 400 - 196
    shared = int((square(10, 25) & ~square(13, 22) & ~square(13, 27)).sum())
    assert found == shared / (small + large - shared)


def test_empty_masks() -> None:
    nothing, something = square(0, 0), square(5, 20)
    for metric in (metrics.iou, metrics.boundary_iou):
        assert metric(nothing, nothing) == 1
        assert metric(nothing, something) == metric(something, nothing) == 0
        assert metric(nothing, something, ignored=something) == 1
    assert mask.iou([mask.encode(nothing)], [mask.encode(nothing)], [0]).tolist() == [[0]]


def test_clicks_by_hand() -> None:
    ious = [0.6, 0.86, 0.84, 0.91]
    assert [metrics.noc(ious, threshold) for threshold in (0.5, 0.85, 0.9, 0.95)] == [1, 2, 4, 20]
    assert metrics.noc(ious, 0.9, max_clicks=3) == 3
    several = metrics.noc([ious, [0.95], []], 0.9)
    assert several.tolist() == [4, 1, 20]
    assert metrics.noc(np.array([ious, ious]), 0.85).tolist() == [2, 2]
    assert metrics.nof([ious, [0.95], []], 0.9) == 1
    truth, nothing = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    truth[:5, :5] = True
    assert metrics.next_click(nothing, truth) == (2, 2, True)
    assert metrics.next_click(truth, nothing) == (2, 2, False)
    assert metrics.next_click(truth, truth) is None
    assert metrics.next_click(nothing, truth, clicked=[(2, 2, True)]) != (2, 2, True)
    assert metrics.next_click(nothing, truth, ignored=truth) is None


def test_average_precision_by_hand() -> None:
    def columns(stop: int) -> mask.RLE:
        array = np.zeros((20, 20), dtype=bool)
        array[:, :stop] = True
        rle: mask.RLE = mask.encode(array)
        return rle

    truth = {"image_id": 1, "category_id": 3, "segmentation": columns(10)}
    found = {"image_id": 1, "category_id": 3, "segmentation": columns(8), "score": 0.9}
    # An IoU of 0.8: right at the thresholds 0.5 to 0.8, seven of ten.
    precision = metrics.average_precision([truth], [found])
    assert precision["ap"] == pytest.approx(0.7)
    assert precision["ap50"] == precision["ap75"] == pytest.approx(1)
    assert precision["large"] is None
    assert metrics.average_precision([truth], [{**found, "image_id": 2}])["ap"] == 0
    assert metrics.average_precision([], [found])["ap"] is None
    assert metrics.average_precision([truth], [])["recall"] == [0, 0, 0]
    boundary = metrics.average_precision([truth], [found], boundary_ratio=0.02)["ap"]
    assert boundary is not None
    assert boundary < 0.7


def test_average_precision_agrees_with_pycocotools() -> None:
    coco_module = pytest.importorskip("pycocotools.coco")
    evaluation_module = pytest.importorskip("pycocotools.cocoeval")
    generator = np.random.default_rng(2)
    images = [{"id": number, "height": 120, "width": 150} for number in range(6)]

    def box_mask(x: float, y: float, w: float, h: float) -> mask.RLE:
        rle: mask.RLE = mask.frPyObjects([float(x), float(y), float(w), float(h)], 120, 150)
        return rle

    truths: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image in images:
        for _ in range(8):
            box = generator.uniform((0, 0, 4, 4), (90, 60, 60, 60))
            rle = box_mask(*box)
            category = int(generator.integers(1, 4))
            truths.append(
                {
                    "id": len(truths) + 1,
                    "image_id": image["id"],
                    "category_id": category,
                    "segmentation": rle,
                    "area": float(mask.area(rle)),
                    "bbox": mask.toBbox(rle).tolist(),
                    "iscrowd": int(generator.random() < 0.1),
                }
            )
            if generator.random() < 0.8:
                moved = box + generator.normal(0, 3, 4)
                moved[2:] = np.maximum(moved[2:], 3)
                score = round(float(generator.random()), 1)
                one = {"image_id": image["id"], "category_id": category, "score": score}
                found.append({**one, "segmentation": box_mask(*moved)})
    ours: Any = metrics.average_precision(truths, found)
    with contextlib.redirect_stdout(io.StringIO()):
        known = coco_module.COCO()
        known.dataset = {
            "images": images,
            "annotations": truths,
            "categories": [{"id": number} for number in (1, 2, 3)],
            "info": {},
        }
        known.createIndex()
        evaluation = evaluation_module.COCOeval(known, known.loadRes(found), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    theirs = [None if value == -1 else value for value in evaluation.stats]
    keys = ("ap", "ap50", "ap75", "small", "medium", "large")
    assert [
        *(ours[key] for key in keys),
        *ours["recall"],
        *ours["recall_by_area"],
    ] == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "expected", "found"),
    [
        (lambda: metrics.iou(square(1, 2).astype(float), square(1, 2)), "bool or uint8", "float64"),
        (lambda: metrics.iou(np.zeros(4, bool), square(1, 2)), "[height, width]", "(4,)"),
        (lambda: metrics.iou(np.stack([square(1, 2)] * 3), [square(1, 2)]), "1 masks", "3"),
        (lambda: metrics.boundary_iou(square(1, 2), square(1, 2), 0), "above 0", "0"),
        (lambda: metrics.noc([0.5], max_clicks=0), "1 or more", "0"),
        (lambda: metrics.next_click(np.stack([square(1, 2)] * 2), square(1, 2)), "one mask", "2"),
        (lambda: metrics.average_precision([{"image_id": 1}], []), "'category_id'", "'image_id'"),
    ],
)
def test_other_arguments_are_refused_by_name(
    call: Callable[[], object], expected: str, found: str
) -> None:
    with pytest.raises(maskwright.SettingError) as caught:
        call()
    assert expected in str(caught.value.expected)
    assert found in str(caught.value.found)


def test_masks_of_other_sizes_are_refused() -> None:
    with pytest.raises(
        maskwright.DataError, match="mask 0 of the list: masks of 50 x 40 and 30 x 20"
    ):
        metrics.iou(square(1, 2, 20), square(1, 2, 40))
    with pytest.raises(maskwright.DataError, match="cannot be combined"):
        metrics.next_click(square(1, 2, 20), square(1, 2, 40))
