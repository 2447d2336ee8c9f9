"""Prediction with the calls and results of SAM's ``SamPredictor``."""

from __future__ import annotations

import os
import warnings
from types import TracebackType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from maskwright import _maskwright
from maskwright._errors import refuse
from maskwright._training import PathLike

Array = npt.NDArray[Any]
Result = tuple[Array, npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Masks, the IoUs that the model predicts for them, and their logits at the model's own
resolution.
"""
Kind = Literal["sam", "hq", "sam_hq"]


class Predictor:
    """Predicts the masks of prompts on an image, which is encoded once.

    Calls, shapes and the order of results are those of SAM's and HQ-SAM's ``SamPredictor``. A
    checkpoint from elsewhere is used as they use it; one that was trained here as it was validated
    (``geometry``).

    >>> predictor = Predictor("sam_hq_vit_b.pth")  # doctest: +SKIP
    >>> predictor.set_image(image)  # doctest: +SKIP
    >>> masks, ious, low_res = predictor.predict(box=np.array([10, 20, 200, 180]))  # doctest: +SKIP
    """

    def __init__(
        self,
        checkpoint: PathLike,
        *,
        restore_model: PathLike | None = None,
        input_size: int | None = None,
        kind: Kind | None = None,
        geometry: Literal["sam", "longest_side", "squash"] | None = None,
        device: str = "cpu",
        precision: Literal["f32", "bf16"] | None = None,
        allow_tf32: bool = False,
    ) -> None:
        """Load a model.

        :param checkpoint: SAM or HQ-SAM: ``.pth``, ``.safetensors`` or a Hugging Face folder.
        :param restore_model: tuned tensors (``epoch_N``) to put over it.
        :param input_size: side of the model's square input in pixels, a multiple of 16; the
            checkpoint's own if not given.
        :param kind: the mask to give: SAM's own ("sam"), the HQ head's ("hq"), their sum
            ("sam_hq"). If not given: the one that its training here judged (the HQ head's where
            there is one); for a checkpoint from elsewhere their sum, or SAM's own without an HQ head.
        :param geometry: how images are fitted into the input; if not given, as the checkpoint says,
            and "sam" for one from elsewhere.
        :param device: "cpu", "cuda" or "cuda:N".
        :param precision: of the encoder's products; bf16 on a GPU, f32 on the CPU if not given, where
            processors with AMX-BF16 or AVX512-BF16 have bf16, too, in less than half the time.
        :param allow_tf32: whether f32 products on a GPU may be rounded to TF32.
        :raises maskwright.Error: a checkpoint that cannot be read or does not fit, a device that is
            not there.
        """
        restore = None if restore_model is None else os.fspath(restore_model)
        self._model: Any = _maskwright.Model(
            os.fspath(checkpoint), restore, input_size, device, precision, allow_tf32, geometry
        )
        self._encoded: Any = None
        if kind not in (None, "sam", "hq", "sam_hq"):
            raise refuse("kind", "sam, hq or sam_hq", repr(kind))
        self.kind: str = self._model.best_kind() if kind is None else kind
        for note in self._model.notes():
            warnings.warn(note, stacklevel=2)

    @property
    def geometry(self) -> str:
        """How images are fitted into the input."""
        return str(self._open().geometry())

    @property
    def input_size(self) -> int:
        """Side of the model's square input in pixels."""
        return int(self._open().input_size())

    @property
    def mask_size(self) -> int:
        """Side of low-resolution masks in pixels: a quarter of the input."""
        return int(self._open().mask_size())

    @property
    def is_image_set(self) -> bool:
        """Whether there is an image to predict on."""
        return self._encoded is not None

    @property
    def original_size(self) -> tuple[int, int]:
        """Height and width of the image in pixels."""
        size: tuple[int, int] = self._image().size
        return size

    def set_image(self, image: npt.ArrayLike, image_format: Literal["RGB", "BGR"] = "RGB") -> None:
        """Encode an image, on which prompts can then be given.

        :param image: uint8 ``[height, width, 3]``, 0 to 255, upright; any order in memory.
        :param image_format: the order of its channels.
        :raises maskwright.SettingError: another dtype or shape.
        """
        if image_format not in ("RGB", "BGR"):
            raise refuse("image_format", "RGB or BGR", repr(image_format))
        pixels = pixels_of(image)
        model = self._open()
        self.reset_image()
        self._encoded = model.encode(pixels if image_format == "RGB" else pixels[..., ::-1])

    def reset_image(self) -> None:
        """Forget the image."""
        self._encoded = None

    def predict(
        self,
        point_coords: npt.ArrayLike | None = None,
        point_labels: npt.ArrayLike | None = None,
        box: npt.ArrayLike | None = None,
        mask_input: npt.ArrayLike | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        hq_token_only: bool = False,
    ) -> Result:
        """Predict the masks of a prompt, or of several at once.

        :param point_coords: points ``[n, 2]`` as x and y, pixel indices of the image.
        :param point_labels: for each point 1 (on the object) or 0 (beside it), ``[n]``; -1 is no
            point.
        :param box: ``[4]``: x0, y0, x1, y1, pixel indices.
        :param mask_input: low-resolution logits of an earlier prediction, ``[1, m, m]`` or ``[m,
            m]`` with m the ``mask_size``.
        :param multimask_output: give the masks for an ambiguous prompt: SAM's three with
            ``kind="sam"``; with an HQ head one, by HQ-SAM's rule.
        :param return_logits: give logits in place of binary masks; above 0 is the object.
        :param hq_token_only: give the HQ head's mask alone, in place of the predictor's ``kind``.
        :returns: masks ``[masks, height, width]``, bool or float32 logits; the predicted IoUs
            ``[masks]``, float32; low-resolution logits ``[masks, m, m]``, float32. With a leading
            axis of prompts on ``box`` (``[b, 4]``), on points (``[b, n, 2]`` and ``[b, n]``) or on
            the mask (``[b, 1, m, m]``), all results have it too: ``[b, masks, ...]``.
        :raises maskwright.SettingError: no prompt, another shape, lists of unequal length.
        :raises RuntimeError: no image is set.
        """
        encoded = self._image()
        prompts, batched = _prompts(point_coords, point_labels, box, mask_input, self.mask_size)
        kind = "hq" if hq_token_only else self.kind
        masks, ious, low_res, notes = self._open().predict(
            encoded, prompts, kind, multimask_output, return_logits
        )
        for note in notes:
            warnings.warn(note, stacklevel=2)
        return (masks, ious, low_res) if batched else (masks[0], ious[0], low_res[0])

    def save_embedding(self, path: PathLike) -> None:
        """Write the encoded image to a ``.safetensors`` file.

        It holds ``image_embedding`` ``[1, channels, g, g]`` and ``interm_embedding``
        ``[1, g, g, channels]``, float32.
        """
        self._open().write_encoded(self._image(), os.fspath(path))

    def load_embedding(self, path: PathLike) -> None:
        """Take the image that :meth:`save_embedding` wrote, in place of :meth:`set_image`.

        :raises maskwright.DataError: a file of another image encoder, input size or geometry.
        """
        self._encoded = self._open().read_encoded(os.fspath(path))

    def close(self) -> None:
        """Free the model and the image."""
        self._model = self._encoded = None

    def __enter__(self) -> Predictor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start_generation(self, image: npt.ArrayLike, settings: str) -> _maskwright.Job:
        """Start to find everything in an image; :class:`MaskGenerator` is what to use."""
        job: _maskwright.Job = self._open().start_generation(pixels_of(image), self.kind, settings)
        return job

    def _open(self) -> Any:
        if self._model is None:
            raise RuntimeError("the predictor is closed")
        return self._model

    def _image(self) -> Any:
        self._open()
        if self._encoded is None:
            raise RuntimeError("no image is set: call set_image or load_embedding first")
        return self._encoded


def pixels_of(image: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    array = np.asarray(image)
    if array.dtype != np.uint8:
        raise refuse("image", "an array of uint8", f"dtype {array.dtype}")
    if array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise refuse("image", "an array [height, width, 3]", f"shape {array.shape}")
    return array


def _floats(name: str, given: npt.ArrayLike | None, shape: str) -> npt.NDArray[np.float32] | None:
    if given is None:
        return None
    try:
        return np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError):
        raise refuse(name, f"numbers {shape}", type(given).__name__) from None


def _prompts(
    point_coords: npt.ArrayLike | None,
    point_labels: npt.ArrayLike | None,
    box: npt.ArrayLike | None,
    mask_input: npt.ArrayLike | None,
    side: int,
) -> tuple[list[Any], bool]:
    """Bring prompts into a list, and say whether they came with an axis for them."""
    parts: dict[str, tuple[npt.NDArray[np.float32] | None, int, str]] = {
        "point_coords": (_floats("point_coords", point_coords, "[n, 2]"), 2, "[n, 2]"),
        "point_labels": (_floats("point_labels", point_labels, "[n]"), 1, "[n]"),
        "box": (_floats("box", box, "[4]"), 1, "[4]"),
        "mask_input": (_mask_input(mask_input, side), 3, f"[1, {side}, {side}]"),
    }
    there = {name: part for name, (part, _, _) in parts.items() if part is not None}
    if not there or (set(there) == {"point_labels"}):
        raise refuse("the prompt", "points with labels, a box or a mask", "none of them")
    if ("point_coords" in there) != ("point_labels" in there):
        missing = "point_labels" if "point_coords" in there else "point_coords"
        raise refuse(missing, "one for each point", "none")
    counts = {}
    for name, array in there.items():
        axes, shape = parts[name][1:]
        if array.ndim not in (axes, axes + 1):
            raise refuse(
                name, f"{shape}, or the same with an axis of prompts", f"shape {array.shape}"
            )
        counts[name] = array.shape[0] if array.ndim == axes + 1 else None
    several = {count for count in counts.values() if count is not None}
    if len(several) > 1 or (several and None in counts.values()):
        found = ", ".join(f"{name} {there[name].shape}" for name in there)
        raise refuse("the prompts", "as many of each part", found)
    batched = bool(several)
    rows = {name: array if batched else array[None] for name, array in there.items()}
    _check_shapes(rows, side)
    return [
        _prompt({name: array[index] for name, array in rows.items()})
        for index in range(len(next(iter(rows.values()))))
    ], batched


def _mask_input(given: npt.ArrayLike | None, side: int) -> npt.NDArray[np.float32] | None:
    array = _floats("mask_input", given, f"[1, {side}, {side}]")
    return array[None] if array is not None and array.ndim == 2 else array


def _check_shapes(rows: dict[str, npt.NDArray[np.float32]], side: int) -> None:
    """Refuse parts whose last axes are others; the first is that of the prompts."""
    if "box" in rows and rows["box"].shape[1] != 4:
        raise refuse("box", "x0, y0, x1, y1", f"shape {rows['box'].shape[1:]}")
    if "mask_input" in rows and rows["mask_input"].shape[1:] != (1, side, side):
        raise refuse("mask_input", f"[1, {side}, {side}]", f"shape {rows['mask_input'].shape[1:]}")
    if "point_coords" in rows:
        points, labels = rows["point_coords"], rows["point_labels"]
        if points.shape[2] != 2:
            raise refuse("point_coords", "x and y of each point", f"shape {points.shape[1:]}")
        if labels.shape != points.shape[:2]:
            raise refuse("point_labels", f"{points.shape[1]} labels", f"shape {labels.shape[1:]}")
        if not np.isin(labels, (-1, 0, 1)).all():
            raise refuse(
                "point_labels", "1, 0 or -1", f"{labels[~np.isin(labels, (-1, 0, 1))][0]:g}"
            )


def _prompt(parts: dict[str, npt.NDArray[np.float32]]) -> tuple[Any, Any, Any]:
    points = [
        (float(x), float(y), int(label))
        for (x, y), label in zip(
            parts.get("point_coords", ()), parts.get("point_labels", ()), strict=True
        )
        # SAM pads lists of points with this label.
        if label != -1
    ]
    box, low_res = parts.get("box"), parts.get("mask_input")
    return (
        points,
        None if box is None else box.tolist(),
        None if low_res is None else low_res.reshape(-1).tolist(),
    )
