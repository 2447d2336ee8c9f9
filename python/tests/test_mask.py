"""``maskwright.mask``: cases by hand, and pycocotools' results where it is installed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

import maskwright
from maskwright import mask

SHARED = Path(__file__).parents[3] / "shared" / "data"
"""Real annotation files, where they are there."""
SIZES = [(1, 1), (5, 8), (64, 1), (1, 70), (63, 65), (130, 57)]
SEEDS = range(4)

Bytes = npt.NDArray[np.uint8]


def blobs(height: int, width: int, seed: int) -> Bytes:
    """Make a mask of blobs; of every fourth seed an empty or a full one."""
    generator = np.random.default_rng([seed, height, width])
    coarse = generator.random((height // 4 + 1, width // 4 + 1)) < (0.0, 0.4, 0.7, 1.0)[seed % 4]
    return np.kron(coarse, np.ones((4, 4)))[:height, :width].astype(np.uint8)


def stack(height: int, width: int) -> Bytes:
    """Make several as [height, width, masks] in Fortran's order."""
    return np.asfortranarray(np.stack([blobs(height, width, seed) for seed in SEEDS], axis=-1))


# By hand: rows `. . #`, `# . .`, `# # .`; columns from the left, runs from the top.
HAND = np.array([[0, 0, 1], [1, 0, 0], [1, 1, 0]], dtype=np.uint8)
HAND_RLE: dict[str, Any] = {"size": [3, 3], "counts": b"12200"}


def test_a_mask_by_hand() -> None:
    assert mask.encode(HAND) == HAND_RLE
    assert np.array_equal(mask.decode(HAND_RLE), HAND)
    assert mask.area(HAND_RLE) == 4
    assert isinstance(mask.area(HAND_RLE), np.uint32)
    assert mask.toBbox(HAND_RLE).tolist() == [0, 0, 3, 3]
    top = mask.encode(np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0]], dtype=bool))
    assert mask.area([HAND_RLE, top]).tolist() == [4, 3]
    both = mask.merge([HAND_RLE, top])
    assert mask.decode(both).tolist() == [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
    assert mask.decode(mask.merge([HAND_RLE, top], intersect=True)).sum() == 1
    # One pixel is shared, of 4 + 3.
    assert mask.iou([HAND_RLE], [top, top], [0, 1]).tolist() == [[1 / 6, 1 / 4]]
    assert mask.iou([[0, 0, 2, 2]], [[1, 0, 2, 2]], [0]).tolist() == [[2 / 6]]


def test_results_have_pycocotools_shapes_and_types() -> None:
    rles = mask.encode(stack(5, 8))
    assert len(rles) == len(SEEDS)
    decoded = mask.decode(rles)
    assert decoded.shape == (5, 8, len(SEEDS))
    assert decoded.dtype == np.uint8
    assert decoded.flags.f_contiguous
    assert mask.area(rles).dtype == np.uint32
    assert mask.toBbox(rles).dtype == np.float64
    assert mask.toBbox(rles).shape == (len(SEEDS), 4)
    assert mask.iou([], rles, [0] * len(rles)) == []
    assert mask.iou(rles, [], []) == []
    assert mask.decode([]).shape == (0, 0, 0)
    assert mask.merge([]) == {"size": [0, 0], "counts": b""}


@pytest.mark.parametrize("size", SIZES)
def test_any_order_in_memory_gives_the_same(size: tuple[int, int]) -> None:
    fortran = stack(*size)
    expected = mask.encode(fortran)
    assert np.array_equal(mask.decode(expected), fortran)
    wide = np.zeros((size[0] * 2, size[1] * 3, len(SEEDS)), np.uint8)
    wide[::2, ::3] = fortran
    backwards = np.ascontiguousarray(fortran[::-1])
    read_only = np.ascontiguousarray(fortran)
    read_only.flags.writeable = False
    variants = [
        np.ascontiguousarray(fortran),
        wide[::2, ::3],
        backwards[::-1],
        read_only,
        fortran * 7,
    ]
    for array in [*variants, fortran.astype(bool)]:
        assert mask.encode(array) == expected
    rows = np.ascontiguousarray(fortran.transpose(2, 0, 1))
    assert mask.from_binary(rows) == expected
    assert mask.from_binary(fortran.transpose(2, 0, 1)) == expected
    assert np.array_equal(mask.to_binary(expected), rows.astype(bool))
    assert [mask.encode(fortran[:, :, k]) for k in SEEDS] == expected
    for text in ({**rle, "counts": rle["counts"].decode()} for rle in expected):
        assert (
            mask.area(text)
            == fortran[:, :, expected.index({**text, "counts": text["counts"].encode()})].sum()
        )


def test_polygons_go_both_ways() -> None:
    # By hand: the triangle covers the pixels whose middles are inside, on a grid five times finer.
    triangle = mask.from_polygons([[[0, 0, 4, 0, 0, 4]]], 4, 4)[0]
    assert mask.decode(triangle).sum(axis=0).tolist() == [3, 2, 1, 0]
    square = [1.0, 1.0, 4.0, 1.0, 4.0, 3.0, 1.0, 3.0]
    objects: list[list[Any]] = [
        [square],
        [],
        [np.array(square).reshape(-1, 2), [5, 0, 7, 0, 7, 2, 5, 2]],
    ]
    rles = mask.from_polygons(objects, 6, 9)
    assert mask.area(rles).tolist() == [6, 0, 10]
    assert mask.to_polygons(rles) == [[square], [], [[5, 0, 7, 0, 7, 2, 5, 2], square]]
    assert mask.from_polygons(mask.to_polygons(rles), 6, 9) == rles


def test_pictures_of_numbers_go_both_ways() -> None:
    picture = np.array([[7, 7, 0, 2], [7, 0, 2, 2]])
    numbers, rles = mask.from_instances(picture)
    assert numbers.tolist() == [2, 7]
    assert numbers.dtype == np.uint32
    assert mask.area(rles).tolist() == [3, 3]
    for array in (
        picture,
        picture.astype(np.uint8),
        np.asfortranarray(picture),
        picture[::-1][::-1],
    ):
        assert mask.from_instances(array)[1] == rles
    assert np.array_equal(mask.to_instances(rles, numbers), picture)
    assert mask.to_instances(rles).max() == 2
    # Later ones lie over earlier ones.
    assert mask.to_instances([rles[0], rles[0]], [4, 9]).max() == 9
    assert mask.from_instances(np.zeros((3, 4), int))[1] == []


@pytest.mark.parametrize(
    ("call", "expected", "found"),
    [
        (lambda: mask.encode(np.zeros((2, 2))), "bool or uint8", "float64"),
        (lambda: mask.encode(np.zeros(3, np.uint8)), "[height, width]", "(3,)"),
        (lambda: mask.from_instances(np.zeros((2, 2))), "integers", "float64"),
        (lambda: mask.from_instances(np.array([[-1]])), "numbers from 0", "-1"),
        (lambda: mask.iou([HAND_RLE], [HAND_RLE], [0, 0]), "1 values", "2"),
        (lambda: mask.iou(cast(Any, HAND_RLE), [HAND_RLE], [0]), "a list of masks", "one mask"),
        (lambda: mask.iou([[1, 2, 3]], [[1, 2, 3]], [0]), "boxes", "(1, 3)"),
        (lambda: mask.iou([HAND_RLE], [[1, 2, 3, 4]], [0]), "boxes", "dict"),
        (lambda: mask.to_instances([HAND_RLE], [1, 2]), "1 numbers", "2"),
        (lambda: mask.decode({"size": [3, 3]}), "counts", "{'size': [3, 3]}"),
        (lambda: mask.decode({"size": [3], "counts": b"9"}), "[height, width]", "[3]"),
        (lambda: mask.decode({"size": [3, 3], "counts": 9}), "bytes or str", "9"),
        (lambda: mask.area(cast(Any, [7])), "a dict", "7"),
        (lambda: mask.frPyObjects(7, 3, 3), "boxes, polygons", "int"),
        (lambda: mask.from_polygons([["a"]], 3, 3), "numbers", "str"),
        (lambda: mask.from_polygons([[[0, 0, 2, 2, 2, 0]]], 3, -3), "whole number", "-3"),
        (lambda: mask.frPyObjects([[0, 0, 2, 2, 2, 0]], -3, 3), "whole number", "-3"),
        (lambda: mask.frPyObjects([[0, 0, 2, 2, 2, 0]], cast(Any, 3.0), 3), "whole number", "3.0"),
        (lambda: mask.to_instances([HAND_RLE], [-1]), "whole numbers", "-1"),
        (lambda: mask.to_instances([HAND_RLE], [cast(Any, 1.5)]), "whole numbers", "1.5"),
        (lambda: mask.to_instances([HAND_RLE], [2**32]), "whole numbers", "4294967296"),
        (lambda: mask.encode(cast(Any, [[1], [1, 2]])), "an array", "several lengths"),
        (
            lambda: mask.iou([HAND_RLE, [1, 2, 3, 4]], [HAND_RLE], [0]),
            "a dict",
            "list [1, 2, 3, 4]",
        ),
    ],
)
def test_other_arguments_are_refused_by_name(
    call: Callable[[], object], expected: str, found: str
) -> None:
    with pytest.raises(maskwright.SettingError) as caught:
        call()
    error = caught.value
    assert expected in str(error.expected)
    assert found in str(error.found)
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: mask.decode({"size": [3, 3], "counts": b"1220"}),
            "mask 0 of the list: runs of 7 pixels for a mask of height 3 x width 3; expected 9",
        ),
        (
            lambda: mask.area([HAND_RLE, {"size": [3, 3], "counts": "1!"}]),
            "mask 1 of the list: byte 33 at position 1 of a run-length string; expected 48 to 111",
        ),
        (
            lambda: mask.decode([HAND_RLE, mask.encode(np.zeros((4, 3), bool))]),
            "mask 1 of the list: masks of 3 x 3 and 3 x 4 pixels cannot be combined",
        ),
        (
            lambda: mask.merge([HAND_RLE, mask.encode(np.zeros((4, 3), bool))]),
            "masks of 3 x 3 and 3 x 4 pixels cannot be combined",
        ),
        (
            lambda: mask.frPyObjects([[1.0, 2, 3, 4, 5]], 9, 9),
            "mask 0 of the list: polygon 0 has 5 numbers; expected an even number, 6 at least",
        ),
        (
            lambda: mask.from_polygons([[], [[1, 2, 3, 4, 5, float("nan")]]], 9, 9),
            "mask 1 of the list: number 5 of polygon 0 is not finite",
        ),
        (
            lambda: mask.frPyObjects({"size": [2, 2], "counts": [1, 2]}, 2, 2),
            "mask 0 of the list: runs of 3 pixels for a mask of height 2 x width 2; expected 4",
        ),
    ],
)
def test_masks_that_are_none_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(maskwright.DataError) as caught:
        call()
    assert str(caught.value) == message


def test_threads_work_at_the_same_time() -> None:
    """Without the GIL several Python threads encode and decode at once, each to its own result."""
    masks = stack(130, 57)
    expected = mask.encode(masks)
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            if mask.encode(masks) != expected or not np.array_equal(mask.decode(expected), masks):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_everything_agrees_with_pycocotools() -> None:
    coco = pytest.importorskip("pycocotools.mask")
    for size in SIZES:
        masks = stack(*size)
        rles = mask.encode(masks)
        assert rles == coco.encode(masks)
        assert mask.encode(masks[:, :, 1]) == coco.encode(np.asfortranarray(masks[:, :, 1]))
        assert np.array_equal(mask.decode(rles), coco.decode(rles))
        assert np.array_equal(mask.area(rles), coco.area(rles))
        assert np.array_equal(mask.toBbox(rles), coco.toBbox(rles))
        for intersect in (False, True):
            assert mask.merge(rles, intersect) == coco.merge(rles, intersect)
        crowds = [k % 2 for k in SEEDS]
        assert np.array_equal(
            mask.iou(rles, rles[1:], crowds[1:]), coco.iou(rles, rles[1:], crowds[1:])
        )
    generator = np.random.default_rng(5)
    boxes = generator.random((7, 4)) * 40
    others = generator.random((5, 4)) * 40
    crowds = [0, 1, 0, 1, 1]
    assert np.array_equal(mask.iou(boxes, others, crowds), coco.iou(boxes, others, crowds))
    assert np.array_equal(
        mask.iou(boxes.tolist(), others.tolist(), crowds),
        coco.iou(boxes.tolist(), others.tolist(), crowds),
    )
    polygons = [(generator.random(2 * corners) * 60 - 5).tolist() for corners in (3, 5, 12, 40)]
    runs = [{"size": [5, 4], "counts": [3, 4, 13]}, {"size": [5, 4], "counts": [0, 20]}]
    for objects in (polygons, boxes, runs, runs[0]):
        assert mask.frPyObjects(objects, 50, 45) == coco.frPyObjects(objects, 50, 45)
    # pycocotools fails at these, though its code has a branch for them.
    assert mask.frPyObjects(polygons[2], 50, 45) == coco.frPyObjects(polygons, 50, 45)[2]
    assert mask.frPyObjects(boxes.tolist(), 50, 45) == coco.frPyObjects(boxes, 50, 45)
    assert mask.frPyObjects(boxes[0].tolist(), 50, 45) == coco.frPyObjects(boxes, 50, 45)[0]


def real_masks() -> list[tuple[Any, int, int]]:
    """Give the segmentations of all real annotation files with the sizes of their images."""
    found = []
    for file in sorted(SHARED.glob("coco/**/*.json")) + sorted(SHARED.glob("sa1b/*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or "annotations" not in content:
            continue
        images = content.get("images") or [content["image"]]
        sizes = {
            one.get("id", one.get("image_id")): (one["height"], one["width"]) for one in images
        }
        for one in content["annotations"]:
            size = sizes.get(one.get("image_id", next(iter(sizes))))
            if size is not None and one.get("segmentation"):
                found.append((one["segmentation"], *size))
    return found


@pytest.mark.skipif(not SHARED.is_dir(), reason="no real annotation files here")
def test_real_annotations_agree_with_pycocotools() -> None:
    coco = pytest.importorskip("pycocotools.mask")
    segmentations = real_masks()
    assert segmentations
    for segmentation, height, width in segmentations:
        if isinstance(segmentation, list):
            theirs = coco.merge(coco.frPyObjects(segmentation, height, width))
            ours = mask.from_polygons([segmentation], height, width)[0]
        elif isinstance(segmentation["counts"], list):
            theirs = coco.frPyObjects(segmentation, height, width)
            ours = mask.frPyObjects(segmentation, height, width)
        else:
            theirs = ours = segmentation
        assert ours == theirs
        assert mask.area(ours) == coco.area(theirs)
        assert np.array_equal(mask.toBbox(ours), coco.toBbox(theirs))
        assert np.array_equal(mask.decode(ours), coco.decode(theirs))
