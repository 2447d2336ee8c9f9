"""OpenCV: its decoders, and either flip + resize + crop or one affine warp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import cv2
import numpy as np

import prompts
from draws import Draw, View
from opponent import U8, Pair, Sample
from planes import image_planes, label_plane


class OpenCv:
    """Mirror, resize the whole image, crop."""

    name: ClassVar[str] = "opencv"
    about: ClassVar[str] = "OpenCV, flip + resize + crop"

    def __init__(self, pairs: Sequence[Pair], draws: Sequence[Draw], size: int) -> None:
        self.pairs, self.draws, self.size = pairs, draws, size

    def sample(self, index: int) -> Sample:
        """Make the sample of one draw."""
        draw = self.draws[index]
        pair = self.pairs[draw.record]
        image = self.decode_image(pair.image.read_bytes())
        mask = self.decode_mask(pair.mask.read_bytes())
        view = draw.view(image.shape[0], image.shape[1], self.size)
        label = label_plane(self.fit(mask, view), self.size)
        return Sample(
            image=image_planes(self.fit(image, view), self.size),
            label=label.astype(np.float32),
            prompts=prompts.make(label, draw),
        )

    def decode_image(self, data: bytes) -> U8:
        """Decode into ``[h, w, 3]`` RGB."""
        return decode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)

    def decode_mask(self, data: bytes) -> U8:
        """Decode into ``[h, w]``."""
        return decode(data, cv2.IMREAD_GRAYSCALE)

    def fit(self, pixels: U8, view: View) -> U8:
        """Show the visible part of a view."""
        if view.flip:
            pixels = cast("U8", cv2.flip(pixels, 1))
        height, width = view.scaled
        scaled = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        y, x = view.crop
        rows, cols = view.visible
        return cast("U8", scaled[y : y + rows, x : x + cols])


class OpenCvWarp(OpenCv):
    """Mirror, resize and crop in one affine warp, which computes nothing that is cropped away."""

    name: ClassVar[str] = "opencv_warp"
    about: ClassVar[str] = "OpenCV, warpAffine"

    def __init__(self, pairs: Sequence[Pair], draws: Sequence[Draw], size: int) -> None:
        super().__init__(pairs, draws, size)
        self.buffers = {3: np.empty((size, size, 3), np.uint8), 2: np.empty((size, size), np.uint8)}

    def fit(self, pixels: U8, view: View) -> U8:
        """Show the visible part of a view, in a buffer that the next call reuses."""
        rows, cols = view.visible
        # The border is repeated outwards, as a resize does it, and the rest is padded later.
        return cast(
            "U8",
            cv2.warpAffine(
                pixels,
                matrix(view),
                (cols, rows),
                dst=self.buffers[pixels.ndim][:rows, :cols],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            ),
        )


def matrix(view: View) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The affine map from output pixel indices to source pixel indices.

    Pixel areas are stretched, not pixel centres (``align_corners = false``).
    """
    height, width = view.source
    sy, sx = height / view.scaled[0], width / view.scaled[1]
    y0 = (view.crop[0] + 0.5) * sy - 0.5
    x0 = (view.crop[1] + 0.5) * sx - 0.5
    if view.flip:
        sx, x0 = -sx, width - 1 - x0
    return np.array([[sx, 0.0, x0], [0.0, sy, y0]])


def decode(data: bytes, mode: int) -> U8:
    """Decode by OpenCV, which answers with None where it fails."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    if pixels is None:
        raise ValueError("OpenCV cannot decode a file of the set")
    return cast("U8", pixels)
