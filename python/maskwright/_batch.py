"""Batches of training samples, and what models of PyTorch take of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
"""Of SAM's images, red, green, blue, in levels of 0..255."""


class Prompt:
    """What a model is told about one object, in pixels of the batch's images.

    Holds the parts of its kind, and of further kinds where the settings add some. Coordinates are pixel
    indices, x to the right and y down, the centre of the top-left pixel is (0, 0).
    """

    __slots__ = ("box", "kind", "mask", "point_labels", "points")

    kind: str
    """The kind that was drawn: ``"box"``, ``"points"`` or ``"noise_mask"``."""
    box: npt.NDArray[np.float32] | None
    """float32 ``[4]``: x0, y0, x1, y1, inclusive."""
    points: npt.NDArray[np.float32] | None
    """float32 ``[k, 2]``: x, y."""
    point_labels: npt.NDArray[np.int64] | None
    """int64 ``[k]``: 1 on the object, 0 beside it."""
    mask: npt.NDArray[np.float32] | None
    """float32 ``[m, m]`` over the image, a quarter of its size: 0 or 255, or logits."""

    def __init__(
        self,
        kind: str,
        box: npt.NDArray[np.float32] | None,
        points: npt.NDArray[np.float32] | None,
        point_labels: npt.NDArray[np.int64] | None,
        mask: npt.NDArray[np.float32] | None,
    ) -> None:
        self.kind, self.box, self.mask = kind, box, mask
        self.points, self.point_labels = points, point_labels

    def __repr__(self) -> str:
        parts = {"box": self.box, "points": self.points, "mask": self.mask}
        given = [f"{name}={list(part.shape)}" for name, part in parts.items() if part is not None]
        return f"Prompt({', '.join([repr(self.kind), *given])})"


class Batch:
    """The data of one training step: ``b`` images with ``n`` objects, at least one on each image.

    Arrays are NumPy's and may be written to; ``torch.from_numpy``, ``jax.dlpack`` and other takers of DLPack
    share their memory, which the loader uses again once nothing refers to it any more.
    """

    # No dataclass and no tuple: Lightning, Accelerate and others would take those apart.
    __slots__ = (
        "epoch",
        "ignored",
        "image_of",
        "images",
        "index",
        "labels",
        "names",
        "prompts",
        "records",
        "sets",
    )

    images: npt.NDArray[np.uint8]
    """uint8 ``[b, 3, size, size]``: red, green, blue, 0..255, not normalised, padded with 128."""
    labels: npt.NDArray[np.float32]
    """float32 ``[n, size, size]``: 0..255, above 128 is the object. In the order of the images."""
    image_of: npt.NDArray[np.int64]
    """int64 ``[n]``: the number of the image that shows each object."""
    prompts: list[Prompt]
    """The prompt of each of the ``n`` objects."""
    names: list[str]
    """The name in its set of the record that each of the ``b`` images shows."""
    sets: list[str]
    """The set of each image."""
    records: npt.NDArray[np.int64]
    """int64 ``[b]``: the record's number over all sets."""
    ignored: npt.NDArray[np.bool_] | None
    """bool ``[n, size, size]``: pixels of the labels that count for nothing; ``None`` where all count."""
    epoch: int
    """The epoch, from 0."""
    index: int
    """The number of the batch in the epoch, from 0."""

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.float32],
        image_of: npt.NDArray[np.int64],
        prompts: list[Prompt],
        names: list[str],
        sets: list[str],
        records: npt.NDArray[np.int64],
        ignored: npt.NDArray[np.bool_] | None,
        epoch: int,
        index: int,
    ) -> None:
        self.images, self.labels, self.image_of = images, labels, image_of
        self.prompts, self.names, self.sets, self.records = prompts, names, sets, records
        self.ignored, self.epoch, self.index = ignored, epoch, index

    def __repr__(self) -> str:
        images, labels = list(self.images.shape), list(self.labels.shape)
        return f"Batch(images={images}, labels={labels}, epoch={self.epoch}, index={self.index})"

    def __len__(self) -> int:
        """The number of images."""
        return len(self.images)

    def to_torch(
        self, device: torch.device | str | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the images, uint8 ``[b, 3, size, size]``, and labels, float32 ``[n, size, size]``.

        On the CPU they share the batch's memory. To a CUDA device they go through pinned memory, and the
        copy does not wait for the device.
        """
        return tensor(self.images, device), tensor(self.labels, device)

    def to_sam(self, device: torch.device | str | None = None) -> list[dict[str, Any]]:
        """Give what ``Sam.forward(batched_input, multimask_output=False)`` takes.

        A dict for each image, in order: ``image`` uint8 ``[3, size, size]``, ``original_size``, and
        ``boxes`` ``[k, 4]``, ``point_coords`` ``[k, p, 2]`` with ``point_labels`` ``[k, p]``, or
        ``mask_inputs`` ``[k, 1, m, m]``, all float32. Beside them, ``objects`` int64 ``[k]`` has the rows
        of ``labels`` that the dict asks for, in the order of its answers. A dict holds prompts of one
        shape, so an image whose objects have prompts of several kinds has a dict for each kind.
        """
        images = tensor(self.images, device)
        size = self.images.shape[2:]
        batched = []
        for image, objects in self._alike(range(len(self.prompts))):
            given = self._prompts(objects, device)
            names = {
                "box": "boxes",
                "points": "point_coords",
                "point_labels": "point_labels",
                "mask": "mask_inputs",
            }
            prompts = {names[part]: value for part, value in given.items()}
            if "mask_inputs" in prompts:
                prompts["mask_inputs"] = prompts["mask_inputs"][:, None]
            numbers = tensor(np.array(objects, np.int64), device)
            head = {"image": images[image], "original_size": (int(size[0]), int(size[1]))}
            batched.append({**head, **prompts, "objects": numbers})
        return batched

    def to_transformers(
        self, device: torch.device | str | None = None
    ) -> list[tuple[dict[str, torch.Tensor], torch.Tensor]]:
        """Give what ``SamModel`` and ``SamHQModel`` of transformers take.

        A call takes prompts of one kind, as many for every image; so this is a list of ``(inputs, objects)``,
        one for each kind of prompt in the batch: ``model(**inputs, multimask_output=False)`` answers
        for the rows ``objects`` of ``labels``, int64 ``[i, k]`` for ``i`` images with ``k`` objects each.
        ``inputs`` holds ``pixel_values`` float32 ``[i, 3, size, size]``, normalised, and ``input_boxes``
        ``[i, k, 4]``, ``input_points`` ``[i, k, p, 2]`` with ``input_labels`` ``[i, k, p]``, or
        ``input_masks`` ``[i, 1, m, m]``.
        """
        calls: dict[tuple[Any, ...], list[tuple[int, list[int]]]] = {}
        for image, objects in self._alike(range(len(self.prompts))):
            prompt = self.prompts[objects[0]]
            # The model takes one mask for an image: an image comes as often as it has objects.
            parts = [[each] for each in objects] if prompt.mask is not None else [objects]
            for part in parts:
                calls.setdefault((*shape_of(prompt), len(part)), []).append((image, part))
        return [self._call(call, device) for call in calls.values()]

    def _call(
        self, call: list[tuple[int, list[int]]], device: torch.device | str | None
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Make the inputs of one call of transformers' models."""
        shape = (len(call), len(call[0][1]))
        objects = [each for _, objects in call for each in objects]
        given = self._prompts(objects, device)
        pixels = self.images[[image for image, _ in call]]
        inputs = {"pixel_values": normalised(tensor(pixels, device))}
        names = {"box": "input_boxes", "points": "input_points", "point_labels": "input_labels"}
        for part, value in given.items():
            if part == "mask":
                inputs["input_masks"] = value[:, None]
            else:
                inputs[names[part]] = value.reshape(*shape, *value.shape[1:])
        return inputs, tensor(np.array(objects, np.int64).reshape(shape), device)

    def _alike(self, objects: Sequence[int]) -> list[tuple[int, list[int]]]:
        """Put objects of one image whose prompts have the same parts together."""
        groups: dict[tuple[Any, ...], list[int]] = {}
        for each in objects:
            key = (int(self.image_of[each]), *shape_of(self.prompts[each]))
            groups.setdefault(key, []).append(each)
        return [(key[0], group) for key, group in groups.items()]

    def _prompts(
        self, objects: Sequence[int], device: torch.device | str | None
    ) -> dict[str, torch.Tensor]:
        """Stack the parts that the prompts of some objects have."""
        prompts = [self.prompts[each] for each in objects]
        parts = ("box", "points", "point_labels", "mask")
        given = [part for part in parts if getattr(prompts[0], part) is not None]
        return {
            part: tensor(np.stack([getattr(prompt, part) for prompt in prompts]), device)
            for part in given
        }


def shape_of(prompt: Prompt) -> tuple[bool, int, bool]:
    """Tell what has to be equal for prompts to be stacked."""
    points = 0 if prompt.points is None else len(prompt.points)
    return prompt.box is not None, points, prompt.mask is not None


def tensor(array: npt.NDArray[Any], device: torch.device | str | None = None) -> torch.Tensor:
    """Make an array a tensor: on the CPU the same memory, on a GPU by way of pinned memory."""
    import torch

    shared = torch.from_numpy(array)
    if device is None or torch.device(device).type == "cpu":
        return shared
    if torch.device(device).type == "cuda":
        return shared.pin_memory().to(device, non_blocking=True)
    return shared.to(device)


def normalised(images: torch.Tensor) -> torch.Tensor:
    """Normalise images as SAM does."""
    import torch

    mean = torch.tensor(PIXEL_MEAN, device=images.device)[:, None, None]
    std = torch.tensor(PIXEL_STD, device=images.device)[:, None, None]
    return (images - mean) / std
