"""torchvision's transforms v2 on uint8 tensors, with its own decoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torchvision.io import ImageReadMode, decode_image, read_file
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as v2

import prompts
from draws import Draw, View
from opponent import PAD, Pair, Sample


class TorchvisionV2:
    """The functional kernels, in the order that a transform pipeline has them."""

    name: ClassVar[str] = "torchvision_v2"
    about: ClassVar[str] = "torchvision v2, uint8"

    def __init__(self, pairs: Sequence[Pair], draws: Sequence[Draw], size: int) -> None:
        self.pairs, self.draws, self.size = pairs, draws, size

    def sample(self, index: int) -> Sample:
        """Make the sample of one draw."""
        draw = self.draws[index]
        pair = self.pairs[draw.record]
        image = decode_image(read_file(str(pair.image)), ImageReadMode.RGB)
        mask = decode_image(read_file(str(pair.mask)), ImageReadMode.GRAY)
        view = draw.view(image.shape[1], image.shape[2], self.size)
        label = self.fit(mask, view, 0)[0].numpy()
        return Sample(
            image=self.fit(image, view, PAD).numpy(),
            label=label.astype("float32"),
            prompts=prompts.make(label, draw),
        )

    def fit(self, tensor: torch.Tensor, view: View, pad: int) -> torch.Tensor:
        """Mirror, resize, crop and pad a ``[c, h, w]`` tensor."""
        if view.flip:
            tensor = v2.horizontal_flip(tensor)
        tensor = v2.resize(tensor, list(view.scaled), InterpolationMode.BILINEAR, antialias=False)
        rows, cols = view.visible
        tensor = v2.crop(tensor, view.crop[0], view.crop[1], rows, cols)
        padding = [0, 0, self.size - cols, self.size - rows]
        padded: torch.Tensor = v2.pad(tensor, padding, fill=pad)
        return padded.contiguous()
