"""Masks as run lengths, arrays and polygons: ``pycocotools.mask`` for whole lists at once.

``encode``, ``decode``, ``area``, ``toBbox``, ``merge``, ``iou`` and ``frPyObjects`` have the names,
the arguments and the results of pycocotools. They work on all threads without the GIL, say by name
what is wrong with bad input, and take arrays in any order in memory. The other functions go to and
from polygons, arrays ``[masks, height, width]`` and pictures of numbers.

A mask is a dict ``{"size": [height, width], "counts": bytes}``, COCO's compressed run lengths down
the columns. ``counts`` may also be a ``str`` or a list of run lengths.

>>> import numpy as np
>>> from maskwright import mask
>>> square = np.zeros((5, 8), np.uint8)
>>> square[1:4, 2:6] = 1
>>> rle = mask.encode(square)
>>> rle
{'size': [5, 8], 'counts': b';3200000004'}
>>> int(mask.area(rle)), mask.toBbox(rle).tolist()
(12, [2.0, 1.0, 4.0, 3.0])
>>> bool((mask.decode(rle) == square).all())
True
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

import numpy as np
import numpy.typing as npt

from maskwright import _maskwright
from maskwright._errors import refuse

__all__ = [
    "RLE",
    "area",
    "decode",
    "encode",
    "frPyObjects",
    "from_binary",
    "from_instances",
    "from_polygons",
    "iou",
    "merge",
    "toBbox",
    "to_binary",
    "to_instances",
    "to_polygons",
]

LARGEST_NUMBER = 2**32 - 1
"""The largest number of an object in a picture of numbers."""


class RLE(TypedDict):
    """A mask as COCO's run lengths."""

    size: list[int]
    """Height and width in pixels."""
    counts: bytes
    """The compressed runs, background first, down the columns."""


Mask: TypeAlias = Mapping[str, Any]
"""A mask that is taken: ``counts`` may also be a ``str`` or a list of run lengths."""


def _bytes_of(mask: npt.ArrayLike, axes: str) -> npt.NDArray[np.uint8]:
    """View an array of bool or uint8 with these axes as bytes."""
    try:
        array = np.asarray(mask)
    except ValueError:
        raise refuse(
            "masks", f"an array [height, width] or {axes}", "rows of several lengths"
        ) from None
    if array.ndim not in (2, 3):
        raise refuse("masks", f"an array [height, width] or {axes}", f"shape {array.shape}")
    if array.dtype != np.bool_ and array.dtype != np.uint8:
        raise refuse("masks", "an array of bool or uint8", f"dtype {array.dtype}")
    # A bool is a byte of 0 or 1.
    return array.view(np.uint8)


def encode(bimask: npt.ArrayLike) -> Any:
    """Encode binary masks as run lengths.

    :param bimask: bool or uint8, all but 0 is foreground: ``[height, width]`` or ``[height, width,
        masks]``, in any order in memory (Fortran's is the fastest, and the only one that
        pycocotools takes).
    :returns: the mask, or the list of masks.
    :raises maskwright.SettingError: an array of another dtype or number of axes.
    """
    array = _bytes_of(bimask, "[height, width, masks]")
    if array.ndim == 2:
        return _maskwright.rle_encode(array[:, :, None], 2)[0]
    return _maskwright.rle_encode(array, 2)


def decode(rleObjs: Mask | Sequence[Mask]) -> npt.NDArray[np.uint8]:  # noqa: N803
    """Decode masks to an array of 0 and 1.

    :param rleObjs: a mask, or a list of masks of one size.
    :returns: uint8 in Fortran's order: ``[height, width]`` of a mask, ``[height, width, masks]`` of
        a list.
    :raises maskwright.DataError: a mask whose runs do not fill its size, or masks of several sizes.
    """
    if not isinstance(rleObjs, Mapping):
        return _maskwright.rle_decode(list(rleObjs), False)
    return _maskwright.rle_decode([rleObjs], False)[:, :, 0]


def area(rleObjs: Mask | Sequence[Mask]) -> Any:  # noqa: N803
    """Count the foreground pixels of masks.

    :returns: a ``numpy.uint32`` of a mask, an array of them of a list.
    """
    if not isinstance(rleObjs, Mapping):
        return _maskwright.rle_area(list(rleObjs))
    return _maskwright.rle_area([rleObjs])[0]


def toBbox(rleObjs: Mask | Sequence[Mask]) -> npt.NDArray[np.float64]:  # noqa: N802, N803
    """Give the smallest boxes around masks.

    :returns: float64 ``[x, y, width, height]`` in pixels, zeros for an empty mask: ``[4]`` of a
        mask, ``[masks, 4]`` of a list.
    """
    if not isinstance(rleObjs, Mapping):
        return _maskwright.rle_boxes(list(rleObjs))
    box: npt.NDArray[np.float64] = _maskwright.rle_boxes([rleObjs])[0]
    return box


def merge(rleObjs: Sequence[Mask], intersect: bool = False) -> RLE:  # noqa: N803
    """Merge masks of one size into their union.

    :param intersect: give what all of them share instead.
    """
    return _maskwright.rle_merge(list(rleObjs), bool(intersect))


def iou(
    dt: Sequence[Any] | npt.NDArray[Any],
    gt: Sequence[Any] | npt.NDArray[Any],
    pyiscrowd: Sequence[int | bool] | npt.NDArray[Any],
) -> Any:
    """Give the IoU of every detection with every ground truth.

    :param dt: a list of masks, or of boxes ``[x, y, width, height]``, or an array of boxes ``[n,
        4]``.
    :param gt: the same kind of objects.
    :param pyiscrowd: for each of ``gt`` whether it is a crowd: then it is the share of ``dt`` that
        lies in it.
    :returns: float64 ``[dt, gt]``; an empty list where either is empty, as pycocotools has it. The
        IoU of two empty masks is 0.
    """
    for name, objects in (("dt", dt), ("gt", gt)):
        if isinstance(objects, dict):
            raise refuse(name, "a list of masks", "one mask")
    crowds = _bools(pyiscrowd)
    if len(crowds) != len(gt):
        raise refuse("pyiscrowd", f"{len(gt)} values, one for each of gt", str(len(crowds)))
    if len(dt) == 0 or len(gt) == 0:
        return []
    # The first of each tells: where others are something else, the compiled part says so.
    if _is_mask(dt) and _is_mask(gt):
        # Masks among themselves are read once, and each pair is compared once.
        masks, others = _list(dt), _list(gt)
        among = len(masks) == len(others) and all(map(operator.is_, masks, others))
        return _maskwright.rle_ious(masks, None if among else others, crowds)
    return _maskwright.box_ious(_boxes("dt", dt), _boxes("gt", gt), crowds)


def _bools(values: Sequence[int | bool] | npt.NDArray[Any]) -> list[bool]:
    """Read numbers that are 0 or not, a list of Python's without an array."""
    if isinstance(values, list) and set(map(type, values)) <= {int, bool}:
        return list(map(bool, values))
    return [bool(value) for value in np.asarray(values).reshape(-1)]


def _list(objects: Sequence[Any] | npt.NDArray[Any]) -> list[Any]:
    """Give a list as it is, and of anything else a list."""
    return objects if isinstance(objects, list) else list(objects)


def _is_mask(objects: Sequence[Any] | npt.NDArray[Any]) -> bool:
    """Tell whether the first object is a mask."""
    return not isinstance(objects, np.ndarray) and isinstance(next(iter(objects)), dict)


def _boxes(name: str, objects: Any) -> list[list[float]]:
    """Read a list or an array of boxes, or a single one."""
    expected = "masks, or boxes [x, y, width, height], both of one kind"
    try:
        array = np.asarray(objects, dtype=np.float64)
    except (TypeError, ValueError):
        raise refuse(name, expected, _kind(objects)) from None
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != 4:
        raise refuse(name, expected, f"shape {array.shape}")
    return array.tolist()  # type: ignore[no-any-return]


def _kind(objects: Any) -> str:
    """Name what a list holds."""
    if isinstance(objects, (list, tuple)) and objects:
        return f"a {type(objects).__name__} of {type(objects[0]).__name__}"
    return type(objects).__name__


def frPyObjects(pyobj: Any, h: int, w: int) -> Any:  # noqa: N802
    """Make masks of boxes, polygons or uncompressed run lengths.

    :param pyobj: a list of boxes ``[x, y, width, height]`` or an array of them, a list of polygons
        ``[x0, y0, x1, y1, ...]``, a list of dicts whose ``counts`` is a list; or one of these
        alone.
    :param h: height of the masks in pixels.
    :param w: width of the masks in pixels.
    :returns: a list with a mask for each, or the one mask.
    :raises maskwright.DataError: a polygon with an odd number of coordinates or fewer than three
        points, coordinates that are not finite, runs that do not fill their size.
    """
    h, w = _side("h", h), _side("w", w)
    if isinstance(pyobj, np.ndarray):
        return _maskwright.rle_from_boxes(_boxes("pyobj", pyobj), h, w)
    if isinstance(pyobj, dict):
        return _maskwright.rle_compress([pyobj])[0]
    if not isinstance(pyobj, (list, tuple)):
        raise refuse("pyobj", "boxes, polygons or dicts with size and counts", _kind(pyobj))
    if not pyobj:
        return []
    first = pyobj[0]
    if isinstance(first, dict):
        return _maskwright.rle_compress(list(pyobj))
    if isinstance(first, (list, tuple, np.ndarray)):
        if len(first) == 4:
            return _maskwright.rle_from_boxes(_boxes("pyobj", pyobj), h, w)
        return _maskwright.rle_from_polygons([[_polygon(one)] for one in pyobj], h, w)
    if len(pyobj) == 4:
        return _maskwright.rle_from_boxes(_boxes("pyobj", pyobj), h, w)[0]
    return _maskwright.rle_from_polygons([[_polygon(pyobj)]], h, w)[0]


def _whole(value: Any) -> int | None:
    """Read a whole number, NumPy's too; None of anything else."""
    try:
        return operator.index(value)
    except TypeError:
        return None


def _side(name: str, value: Any) -> int:
    """Check a height or width in pixels."""
    side = _whole(value)
    if side is None or not 0 <= side <= LARGEST_NUMBER:
        raise refuse(name, "a whole number of pixels", repr(value))
    return side


def _number(value: Any) -> int:
    """Check the number of an object."""
    number = _whole(value)
    if number is None or not 0 <= number <= LARGEST_NUMBER:
        raise refuse("numbers", f"whole numbers from 0 to {LARGEST_NUMBER}", repr(value))
    return number


def _polygon(points: Any) -> list[float]:
    """Read the coordinates of a polygon: flat, or [points, 2]."""
    if isinstance(points, list) and (not points or isinstance(points[0], (int, float))):
        return points
    try:
        numbers: list[float] = np.asarray(points, dtype=np.float64).reshape(-1).tolist()
    except (TypeError, ValueError):
        expected = "numbers [x0, y0, x1, y1, ...] or points [[x, y], ...]"
        raise refuse("polygon", expected, _kind(points)) from None
    return numbers


def from_polygons(objects: Sequence[Sequence[Any]], height: int, width: int) -> list[RLE]:
    """Make a mask for each object, the union of its polygons.

    :param objects: for each object its polygons, each ``[x0, y0, x1, y1, ...]`` or ``[points, 2]``
        in pixels, where pixel (0, 0) covers 0 to 1: the ``segmentation`` of COCO's annotations.
    :returns: the masks, filled as COCO's API fills them. An object without polygons is an empty
        mask.
    :raises maskwright.DataError: naming the object and the polygon that is none.
    """
    height, width = _side("height", height), _side("width", width)
    polygons = [[_polygon(polygon) for polygon in polygons] for polygons in objects]
    return _maskwright.rle_from_polygons(polygons, height, width)


def to_polygons(rles: Sequence[Mask]) -> list[list[list[float]]]:
    """Give the outlines of masks along the edges of their pixels.

    :returns: for each mask a polygon ``[x0, y0, x1, y1, ...]`` for each of its pieces (pixels that
        touch at a corner are one piece). :func:`from_polygons` gives the same pixels again; holes
        have no outline and come back filled.
    """
    return _maskwright.rle_to_polygons(list(rles))


def from_binary(masks: npt.ArrayLike) -> list[RLE]:
    """Encode binary masks with the number of the mask as the first axis, as PyTorch has them.

    :param masks: bool or uint8 ``[masks, height, width]`` or ``[height, width]``, in any order in
        memory; all but 0 is foreground.
    :returns: the list of masks; of one where there is one.
    """
    array = _bytes_of(masks, "[masks, height, width]")
    return _maskwright.rle_encode(array if array.ndim == 3 else array[None], 0)


def to_binary(rles: Sequence[Mask]) -> npt.NDArray[np.bool_]:
    """Decode masks of one size to bool ``[masks, height, width]`` in C's order."""
    return _maskwright.rle_decode(list(rles), True).view(np.bool_)


def from_instances(picture: npt.ArrayLike) -> tuple[npt.NDArray[np.uint32], list[RLE]]:
    """Make a mask of each number of a picture.

    :param picture: integers ``[height, width]``; 0 is background.
    :returns: the numbers but 0, uint32 ascending, and the mask of each.
    :raises maskwright.SettingError: an array of another shape, of floats, or with numbers below 0.
    """
    array = np.asarray(picture)
    if array.ndim != 2:
        raise refuse("picture", "an array [height, width]", f"shape {array.shape}")
    if array.dtype.kind not in "bui":
        raise refuse("picture", "an array of integers", f"dtype {array.dtype}")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= LARGEST_NUMBER:
        found = f"{array.min()} to {array.max()}"
        raise refuse("picture", f"numbers from 0 to {LARGEST_NUMBER}", found)
    return _maskwright.rle_from_instances(array.astype(np.uint32, copy=False))


def to_instances(
    rles: Sequence[Mask], numbers: Sequence[int] | npt.NDArray[Any] | None = None
) -> npt.NDArray[np.uint32]:
    """Draw masks of one size into a picture of numbers.

    :param numbers: the number of each mask; 1, 2, 3, ... if not given.
    :returns: uint32 ``[height, width]``, 0 where there is no mask. Later masks lie over earlier
        ones.
    """
    masks = list(rles)
    chosen = list(range(1, len(masks) + 1) if numbers is None else map(_number, numbers))
    if len(chosen) != len(masks):
        raise refuse("numbers", f"{len(masks)} numbers, one for each mask", str(len(chosen)))
    return _maskwright.rle_to_instances(masks, chosen)
