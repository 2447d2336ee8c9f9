"""How well masks agree: IoU, boundary IoU, clicks that are needed, average precision.

Masks are arrays of bool or uint8 ``[height, width]`` (all but 0 is foreground), run lengths as
:mod:`maskwright.mask` has them, or several: arrays ``[masks, height, width]`` or lists.

What is empty: two empty masks agree fully (1), an empty one and another do not agree at all (0),
the same for boundaries; :func:`maskwright.mask.iou` has 0 for two empty masks, as pycocotools.
Ignored pixels are taken out of both masks first. An average precision without any object to find is
``None``.

>>> import numpy as np
>>> from maskwright import metrics
>>> truth = np.zeros((100, 100), bool)
>>> truth[:50, :50] = True
>>> prediction = truth.copy()
>>> prediction[:, 40:] = False
>>> metrics.iou(prediction, truth)
0.8
>>> metrics.boundary_iou(prediction, truth) < 0.8
True
>>> metrics.noc([0.6, 0.86, 0.91], threshold=0.9)
3
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from maskwright import _maskwright, mask
from maskwright._errors import refuse

__all__ = ["average_precision", "boundary_iou", "iou", "next_click", "noc", "nof"]


class AveragePrecision(TypedDict):
    """Average precision and recall by COCO's rules, 0 to 1.

    None where no object belongs to the areas.
    """

    ap: float | None
    """The mean over categories, the IoU thresholds 0.5 to 0.95 and 101 recalls."""
    ap50: float | None
    """At an IoU of 0.5."""
    ap75: float | None
    """At an IoU of 0.75."""
    small: float | None
    """Of objects up to 32 x 32 pixels."""
    medium: float | None
    """Of objects of 32 x 32 to 96 x 96 pixels."""
    large: float | None
    """Of objects from 96 x 96 pixels on."""
    recall: list[float | None]
    """The largest recall with 1, 10 and 100 detections in an image."""
    recall_by_area: list[float | None]
    """The same with 100 detections, of small, medium and large objects."""


def _masks(name: str, given: Any) -> tuple[list[Any], bool]:
    """Read one mask or several as run lengths, and whether it was one."""
    if isinstance(given, Mapping):
        return [given], True
    if isinstance(given, (list, tuple)) and (not given or isinstance(given[0], Mapping)):
        return list(given), False
    if isinstance(given, (list, tuple)) and getattr(given[0], "ndim", 0) == 2:
        # Arrays that need not be of one size.
        return [mask.encode(one) for one in given], False
    array = np.asarray(given)
    if array.ndim not in (2, 3):
        expected = "masks: arrays [height, width] or [masks, height, width], run lengths"
        raise refuse(name, expected, f"shape {array.shape}")
    return mask.from_binary(array), array.ndim == 2


def _agreements(prediction: Any, truth: Any, ignored: Any, ratio: float | None) -> Any:
    predictions, single = _masks("prediction", prediction)
    truths, _ = _masks("truth", truth)
    nothing = [None] * len(truths)
    regions = nothing if ignored is None else _masks("ignored", ignored)[0]
    for name, masks in (("prediction", predictions), ("ignored", regions)):
        if len(masks) != len(truths):
            raise refuse(name, f"{len(truths)} masks, as truth", str(len(masks)))
    values = _maskwright.agreements(predictions, truths, regions, ratio)
    return float(values[0]) if single else values


def iou(prediction: Any, truth: Any, ignored: Any = None) -> Any:
    """Give the intersection over union of each prediction with its truth.

    :param prediction: a mask, or several.
    :param truth: as many masks of the same sizes.
    :param ignored: masks of pixels that count for nothing.
    :returns: a float of single masks, float64 ``[masks]`` of several. Two empty masks score 1.
    :raises maskwright.Error: other dtypes or shapes, masks whose sizes differ, lists of unequal
        length.
    """
    return _agreements(prediction, truth, ignored, None)


def boundary_iou(
    prediction: Any, truth: Any, dilation_ratio: float = 0.02, ignored: Any = None
) -> Any:
    """Give the boundary IoU of each prediction with its truth (Cheng et al., CVPR 2021).

    The IoU of the masks' inner boundaries: of the pixels within a distance of background or of the
    picture's border that is ``dilation_ratio`` times the diagonal, rounded half to even, 1 pixel at
    least.

    :param dilation_ratio: the width of the boundary as a share of the diagonal, above 0 and at most
        1.
    :returns: as :func:`iou`. Two empty boundaries score 1.
    """
    if not 0 < dilation_ratio <= 1:
        raise refuse("dilation_ratio", "a number above 0 and at most 1", str(dilation_ratio))
    return _agreements(prediction, truth, ignored, float(dilation_ratio))


def _click_ious(ious: Any, max_clicks: int) -> tuple[list[list[float]], bool]:
    if max_clicks < 1:
        raise refuse("max_clicks", "1 or more", str(max_clicks))
    rows = [ious] if len(ious) == 0 or np.ndim(ious[0]) == 0 else list(ious)
    return [[float(value) for value in row] for row in rows], rows[0] is ious


def noc(ious: Any, threshold: float = 0.9, max_clicks: int = 20) -> Any:
    """Count the clicks after which the IoU is ``threshold`` or more for the first time (NoC, Sofiiuk et al., 2022).

    :param ious: the IoU after each click of one object, or such a sequence for each of several
        objects.
    :param max_clicks: what an object counts that never reaches the threshold, within as many
        clicks.
    :returns: an int of one object, int64 ``[objects]`` of several; NoC@90 is their mean.
    """
    rows, single = _click_ious(ious, max_clicks)
    clicks = _maskwright.clicks_needed(rows, threshold, max_clicks)
    return int(clicks[0]) if single else clicks


def nof(ious: Any, threshold: float = 0.9, max_clicks: int = 20) -> int:
    """Count the objects that do not reach an IoU of ``threshold`` in ``max_clicks`` clicks (NoF)."""
    rows, _ = _click_ious(ious, max_clicks)
    return int(_maskwright.clicks_failed(rows, threshold, max_clicks).sum())


def next_click(
    prediction: Any,
    truth: Any,
    ignored: Any = None,
    clicked: Iterable[tuple[int, int, bool]] = (),
) -> tuple[int, int, bool] | None:
    """Say where the next click goes in the protocol of NoC: into the middle of the largest error.

    :param prediction: a mask.
    :param truth: a mask of the same size.
    :param ignored: a mask of pixels that count for nothing.
    :param clicked: earlier clicks, which are not repeated.
    :returns: column, row and whether it is positive (on the object, which the prediction misses);
        None where nothing is wrong.
    """
    one = {"prediction": prediction, "truth": truth, "ignored": ignored}
    read = {}
    for name, given in one.items():
        masks, single = ([None], True) if given is None else _masks(name, given)
        if not single:
            raise refuse(name, "one mask", f"{len(masks)} masks")
        read[name] = masks[0]
    clicks = [(int(x), int(y), bool(positive)) for x, y, positive in clicked]
    return _maskwright.click(read["prediction"], read["truth"], read["ignored"], clicks)


def average_precision(
    truths: Sequence[Mapping[str, Any]],
    detections: Sequence[Mapping[str, Any]],
    boundary_ratio: float | None = None,
) -> AveragePrecision:
    """Give the average precision of masks with scores, by the rules of COCO's evaluation and to its last digit.

    :param truths: COCO's annotations: ``image_id``, ``category_id``, ``segmentation`` (run lengths,
        or a mask array) and optionally ``area`` (the pixels of the mask if not given) and
        ``iscrowd``.
    :param detections: COCO's results: ``image_id``, ``category_id``, ``segmentation`` and
        ``score``.
    :param boundary_ratio: if given, masks overlap by the lesser of IoU and boundary IoU with this
        ratio (boundary AP, usually 0.02).
    :raises maskwright.SettingError: naming the entry and the key that is missing.
    """
    found = [
        (image, category, rle, float(_key("detections", index, one, "score")))
        for index, one, image, category, rle in _objects("detections", detections)
    ]
    there = list(_objects("truths", truths))
    areas = mask.area([rle for *_, rle in there]) if there else []
    known = [
        (image, category, rle, float(one.get("area", pixels)), bool(one.get("iscrowd", 0)))
        for (_, one, image, category, rle), pixels in zip(there, areas, strict=True)
    ]
    precision: AveragePrecision = _maskwright.mask_average_precision(known, found, boundary_ratio)
    return precision


def _key(what: str, index: int, entry: Mapping[str, Any], key: str) -> Any:
    if key not in entry:
        raise refuse(f"{what}[{index}]", f"the key {key!r}", ", ".join(map(repr, entry)))
    return entry[key]


def _objects(
    what: str, entries: Sequence[Mapping[str, Any]]
) -> Iterable[tuple[int, Mapping[str, Any], int, int, Any]]:
    for index, entry in enumerate(entries):
        image, category, segmentation = (
            _key(what, index, entry, key) for key in ("image_id", "category_id", "segmentation")
        )
        if isinstance(segmentation, list):
            expected = "run lengths or an array (maskwright.mask.from_polygons makes run lengths)"
            raise refuse(f"{what}[{index}], segmentation", expected, "a list of polygons")
        rles, _ = _masks(f"{what}[{index}], segmentation", segmentation)
        yield index, entry, int(image), int(category), rles[0]
