"""``maskwright.Predictor`` and ``maskwright.MaskGenerator`` on a small model."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from files import picture
from trained import SIDE, train

import maskwright
from maskwright import mask

MASKS = SIDE // 4
"""Side of low-resolution masks."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint with an HQ head."""
    return Path(train(tmp_path_factory.mktemp("model"), report=False)["checkpoint"])


@pytest.fixture(scope="module")
def predictor(checkpoint: Path) -> maskwright.Predictor:
    """A predictor with an image."""
    made = maskwright.Predictor(checkpoint)
    made.set_image(IMAGE)
    return made


IMAGE, TRUTH = picture(1)
HEIGHT, WIDTH = TRUTH.shape
BOX = np.array([10, 8, 60, 50])


def test_results_have_the_shapes_of_sams_predictor(checkpoint: Path) -> None:
    sam = maskwright.Predictor(checkpoint, kind="sam")
    sam.set_image(IMAGE)
    for multimask, count in ((True, 3), (False, 1)):
        masks, ious, low_res = sam.predict(box=BOX, multimask_output=multimask)
        assert masks.shape == (count, HEIGHT, WIDTH)
        assert masks.dtype == np.bool_
        assert ious.shape == (count,)
        assert ious.dtype == np.float32
        assert low_res.shape == (count, MASKS, MASKS)
        assert low_res.dtype == np.float32
    logits, _, _ = sam.predict(box=BOX, return_logits=True)
    assert logits.shape == (3, HEIGHT, WIDTH)
    assert logits.dtype == np.float32
    assert np.array_equal(logits > 0, sam.predict(box=BOX)[0])


def test_an_hq_head_gives_one_mask_as_hq_sam(
    predictor: maskwright.Predictor, checkpoint: Path
) -> None:
    # The mask that its training judged.
    assert (predictor.kind, predictor.geometry) == ("hq", "longest_side")
    assert (predictor.input_size, predictor.mask_size) == (SIDE, MASKS)
    assert predictor.original_size == (HEIGHT, WIDTH)
    sum_of_both = maskwright.Predictor(checkpoint, kind="sam_hq")
    sum_of_both.set_image(IMAGE)
    both = sum_of_both.predict(box=BOX)[2]
    only = sum_of_both.predict(box=BOX, hq_token_only=True)[2]
    assert both.shape == only.shape == (1, MASKS, MASKS)
    assert not np.array_equal(both, only)
    assert np.array_equal(predictor.predict(box=BOX)[2], only)


def test_every_kind_of_prompt_is_taken(predictor: maskwright.Predictor) -> None:
    points, labels = np.array([[30, 30], [5, 5]]), np.array([1, 0])
    results = [
        predictor.predict(points, labels),
        predictor.predict(points, labels, box=BOX),
        predictor.predict(mask_input=predictor.predict(box=BOX)[2]),
        predictor.predict(points.tolist(), labels.tolist(), BOX.tolist()),
    ]
    assert np.array_equal(results[1][2], results[3][2])
    assert not np.array_equal(results[0][2], results[1][2])
    # A point of label -1 is none, as SAM pads lists of points.
    padded = predictor.predict(np.vstack([points, [0, 0]]), np.append(labels, -1))
    assert np.array_equal(padded[2], results[0][2])


def test_batches_are_their_prompts_one_by_one(predictor: maskwright.Predictor) -> None:
    boxes = np.stack([BOX, BOX + 5, BOX - 4])
    masks, ious, low_res = predictor.predict(box=boxes)
    assert masks.shape == (3, 1, HEIGHT, WIDTH)
    assert (ious.shape, low_res.shape) == ((3, 1), (3, 1, MASKS, MASKS))
    for index, box in enumerate(boxes):
        alone = predictor.predict(box=box)
        assert np.allclose(low_res[index], alone[2], atol=1e-4)
        assert np.allclose(ious[index], alone[1], atol=1e-5)
    points, labels = np.arange(12).reshape(3, 2, 2) * 4, np.ones((3, 2))
    assert predictor.predict(points, labels, box=boxes)[0].shape == (3, 1, HEIGHT, WIDTH)
    assert predictor.predict(mask_input=low_res)[0].shape == (3, 1, HEIGHT, WIDTH)


def test_images_may_lie_in_any_order(checkpoint: Path) -> None:
    predictor = maskwright.Predictor(checkpoint)

    def low_res(
        image: npt.NDArray[np.uint8], image_format: Literal["RGB", "BGR"] = "RGB"
    ) -> npt.NDArray[np.float32]:
        predictor.set_image(image, image_format)
        return predictor.predict(box=BOX)[2]

    expected = low_res(IMAGE)
    frozen = IMAGE.copy()
    frozen.flags.writeable = False
    wide = np.zeros((2 * HEIGHT, 2 * WIDTH, 3), np.uint8)
    wide[::2, ::2] = IMAGE
    for image in (np.asfortranarray(IMAGE), frozen, wide[::2, ::2], IMAGE[::-1][::-1]):
        assert np.array_equal(low_res(image), expected)
    assert np.array_equal(low_res(IMAGE[..., ::-1], image_format="BGR"), expected)


def test_embeddings_are_saved_and_read(checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    with maskwright.Predictor(checkpoint) as predictor:
        predictor.set_image(IMAGE)
        expected = predictor.predict(box=BOX)
        predictor.save_embedding(file)
    with maskwright.Predictor(checkpoint) as predictor:
        predictor.load_embedding(file)
        assert predictor.original_size == (HEIGHT, WIDTH)
        for found, wanted in zip(predictor.predict(box=BOX), expected, strict=True):
            assert np.array_equal(found, wanted)
    with maskwright.Predictor(checkpoint, geometry="squash") as predictor:
        with pytest.raises(maskwright.DataError, match="geometry squash") as caught:
            predictor.load_embedding(file)
        assert (caught.value.path, caught.value.found) == (str(file), "longest_side")
        with pytest.raises(maskwright.FileMissingError):
            predictor.load_embedding(tmp_path / "none.safetensors")
    with pytest.raises(RuntimeError, match="closed"):
        predictor.set_image(IMAGE)


@pytest.mark.parametrize(
    ("prompt", "expected", "found"),
    [
        ({}, "a box or a mask", "none"),
        ({"point_coords": [[1, 2]]}, "one for each point", "none"),
        ({"point_labels": [1]}, "points with labels", "none"),
        ({"point_coords": [[1, 2]], "point_labels": [1, 0]}, "1 labels", "(2,)"),
        ({"point_coords": [[1, 2, 3]], "point_labels": [1]}, "x and y", "(1, 3)"),
        ({"point_coords": [[1, 2]], "point_labels": [7]}, "1, 0 or -1", "7"),
        ({"box": [1, 2, 3]}, "x0, y0, x1, y1", "(3,)"),
        ({"box": [9, 2, 3, 4]}, "left <= right", "9,2,3,4"),
        ({"box": [1, 2, float("nan"), 4]}, "", "NaN"),
        ({"box": "left"}, "numbers", "str"),
        ({"mask_input": np.zeros((3, 3))}, f"[1, {MASKS}, {MASKS}]", "(1, 3, 3)"),
        (
            {
                "box": np.zeros((2, 4)),
                "point_coords": np.zeros((3, 1, 2)),
                "point_labels": np.ones((3, 1)),
            },
            "as many",
            "(2, 4)",
        ),
    ],
)
def test_prompts_that_cannot_be_are_refused_by_name(
    predictor: maskwright.Predictor, prompt: dict[str, Any], expected: str, found: str
) -> None:
    with pytest.raises(maskwright.SettingError) as caught:
        predictor.predict(**prompt)
    assert expected in str(caught.value.expected)
    assert found in str(caught.value.found)


def test_other_arguments_are_refused_by_name(checkpoint: Path, tmp_path: Path) -> None:
    predictor = maskwright.Predictor(checkpoint)
    with pytest.raises(RuntimeError, match="no image is set"):
        predictor.predict(box=BOX)
    for image, found in (
        (IMAGE.astype(np.float32), "float32"),
        (IMAGE[..., 0], "(67, 85)"),
        (np.zeros((4, 4, 4), np.uint8), "(4, 4, 4)"),
        (np.zeros((0, 4, 3), np.uint8), "(0, 4, 3)"),
    ):
        with pytest.raises(maskwright.SettingError) as caught:
            predictor.set_image(image)
        assert found in str(caught.value.found)
    for wrong in (
        {"kind": "best"},
        {"geometry": "wide"},
        {"device": "tpu"},
        {"precision": "f8"},
        {"input_size": 65},
    ):
        with pytest.raises(maskwright.SettingError):
            maskwright.Predictor(checkpoint, **wrong)
    with pytest.raises(maskwright.FileMissingError):
        maskwright.Predictor(tmp_path / "none.pth")


def test_coordinates_beyond_the_image_are_told(predictor: maskwright.Predictor) -> None:
    with pytest.warns(UserWarning, match="clipped"):
        predictor.predict(box=[0, 0, 500, 40])


def test_everything_in_an_image_is_found(checkpoint: Path) -> None:
    kept: dict[str, Any] = {
        "pred_iou_thresh": 0.0,
        "stability_score_thresh": 0.0,
        "points_per_side": 3,
    }
    predictor = maskwright.Predictor(checkpoint, kind="sam")
    found = maskwright.MaskGenerator(predictor, **kept, box_nms_thresh=1.0).generate(IMAGE)
    assert found
    for one in found:
        assert set(one) == {
            "segmentation",
            "area",
            "bbox",
            "predicted_iou",
            "point_coords",
            "stability_score",
            "crop_box",
        }
        segmentation = one["segmentation"]
        assert segmentation.shape == (HEIGHT, WIDTH)
        assert segmentation.dtype == np.bool_
        assert one["area"] == segmentation.sum()
        assert one["crop_box"] == [0, 0, WIDTH, HEIGHT]
        if one["area"]:
            rows, columns = np.nonzero(segmentation)
            box = [columns.min(), rows.min(), np.ptp(columns), np.ptp(rows)]
            assert one["bbox"] == box
    runs = maskwright.MaskGenerator(checkpoint, kind="sam", **kept, output_mode="coco_rle")
    listed = maskwright.MaskGenerator(
        checkpoint, kind="sam", **kept, output_mode="uncompressed_rle"
    )
    for compressed, plain in zip(runs.generate(IMAGE), listed.generate(IMAGE), strict=True):
        assert mask.frPyObjects(plain["segmentation"], HEIGHT, WIDTH) == compressed["segmentation"]
    for wrong in ({"points_per_side": 0}, {"output_mode": "png"}, {"box_nms_thresh": -1.0}):
        with pytest.raises(maskwright.SettingError):
            maskwright.MaskGenerator(predictor, **wrong)
    with pytest.raises(maskwright.SettingError, match="device"):
        maskwright.MaskGenerator(predictor, device="cpu")


def test_ctrl_c_ends_a_search_soon(checkpoint: Path) -> None:
    generator = maskwright.MaskGenerator(checkpoint, points_per_side=400)
    pressed: list[float] = []

    def press() -> None:
        time.sleep(0.5)
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        generator.generate(np.tile(IMAGE, (6, 6, 1)))
    # It is looked for every 100 milliseconds; the limit is against waiting for the work.
    assert time.monotonic() - pressed[0] < 5
    thread.join()
