"""HQ-SAM's way: float32 tensors all along, in PyTorch, prompts on the CPU.

Written from what its training does to a sample, operation by operation: read with scikit-image,
convert to a float32 tensor, mirror, resize the whole image and the whole label, crop, pad, collate,
cast to u8; then all three prompts from the label, of which one is drawn. It follows the original
also where a cheaper way is plain, for this is the baseline that speed-ups are quoted against. Left
out, in its favour: the data loader's processes and the queues between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own custom)
from skimage import io

from draws import Draw
from opponent import NOISE_SIZE, PAD, POINTS, THRESHOLD, U8, Pair, Sample

FAR = 1e8
"""What the reference takes for the minimum over nothing."""


class HqSam:
    """HQ-SAM's data path with a batch of one."""

    name: ClassVar[str] = "hq_sam"
    about: ClassVar[str] = "HQ-SAM's way in PyTorch, float32, prompts on the CPU"

    def __init__(self, pairs: Sequence[Pair], draws: Sequence[Draw], size: int) -> None:
        self.pairs, self.draws, self.size = pairs, draws, size

    def sample(self, index: int) -> Sample:
        """Make the sample of one draw."""
        draw = self.draws[index]
        pair = self.pairs[draw.record]
        pixels, mask = read(pair.image), read(pair.mask)
        if mask.ndim > 2:
            mask = mask[:, :, 0]
        if pixels.ndim < 3:
            pixels = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
        # Height and width stay where they are in memory; only the order of the axes changes.
        image = torch.tensor(pixels.copy(), dtype=torch.float32).permute(2, 0, 1)
        label = torch.tensor(mask, dtype=torch.float32)[None]

        image, label = jitter(image, label, draw, self.size)

        images, labels = torch.stack([image]), torch.stack([label])
        # The trainer goes through NumPy to cast, which truncates.
        as_bytes = images.permute(0, 2, 3, 1).numpy()[0].astype(np.uint8)
        model_input = torch.as_tensor(as_bytes).permute(2, 0, 1).contiguous()

        torch.manual_seed(draw.noise_seed)
        return Sample(
            image=model_input.numpy(),
            label=labels[0, 0].numpy(),
            prompts={
                "box": boxes(labels[:, 0])[0].numpy(),
                "points": points(labels[:, 0])[0].numpy(),
                "noise_mask": noise_masks(labels)[0, 0].numpy(),
            },
        )


def read(path: Path) -> U8:
    """Decode a file into ``[h, w]`` or ``[h, w, 3]``."""
    pixels: U8 = io.imread(str(path))
    return pixels


def jitter(
    image: torch.Tensor, label: torch.Tensor, draw: Draw, size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirror, resize, crop and pad ``[3, h, w]`` and ``[1, h, w]`` to ``size`` x ``size``."""
    view = draw.view(image.shape[1], image.shape[2], size)
    if view.flip:
        image, label = torch.flip(image, dims=[2]), torch.flip(label, dims=[2])
    y, x = view.crop
    rows, cols = view.visible
    below, right = size - rows, size - cols

    def fit(tensor: torch.Tensor, pad: int) -> torch.Tensor:
        scaled = F.interpolate(tensor[None], list(view.scaled), mode="bilinear")[0]
        return F.pad(scaled[:, y : y + rows, x : x + cols], [0, right, 0, below], value=pad)

    return fit(image, PAD), fit(label, 0)


def grids(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each pixel's x and y as float32, ``[h, w]``."""
    height, width = labels.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float32),
        torch.arange(width, dtype=torch.float32),
        indexing="ij",
    )
    return x, y


def boxes(labels: torch.Tensor) -> torch.Tensor:
    """Tight boxes ``[n, 4]`` of labels ``[n, h, w]``."""

    def extent(grid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        at = (labels > THRESHOLD) * grid[None]
        highest = at.flatten(1).max(-1).values
        lowest = at.masked_fill(~(labels > THRESHOLD), FAR).flatten(1).min(-1).values
        return lowest, highest

    x, y = grids(labels)
    (left, right), (top, bottom) = extent(x), extent(y)
    return torch.stack([left, top, right, bottom], dim=1)


def points(labels: torch.Tensor) -> list[torch.Tensor]:
    """Up to ten distinct foreground pixels ``[k, 2]`` of each label."""
    x, y = grids(labels)
    chosen = []
    for label in labels:
        foreground = label > THRESHOLD
        xs, ys = torch.masked_select(x, foreground), torch.masked_select(y, foreground)
        pick = torch.randperm(len(xs))[:POINTS]
        chosen.append(torch.stack([xs[pick], ys[pick]], dim=1))
    return chosen


def noise_masks(labels: torch.Tensor) -> torch.Tensor:
    """Coarse masks ``[n, 1, 256, 256]`` with disturbed boundaries, 0 or 255."""

    def resize(tensor: torch.Tensor, side: int) -> torch.Tensor:
        return F.interpolate(tensor, (side, side), mode="bilinear")

    masks = resize(labels, NOISE_SIZE) / 255
    noise = torch.randn(masks.shape)
    recovered = resize(resize(masks, NOISE_SIZE // 8), NOISE_SIZE)
    boundary = ((masks - recovered).abs() >= 0.01).float()
    return ((masks + noise * boundary) > 0.5).float() * 255
