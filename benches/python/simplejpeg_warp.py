"""simplejpeg (libjpeg-turbo with SIMD, decoding into a kept buffer) and one affine warp.

Two opponents: with OpenCV's PNG decoder, the best that packages of Python offer, and with the PNG
decoder of `png_libdeflate`, which is compiled code of our own, to see what is left then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import simplejpeg

from draws import Draw
from opencv import OpenCvWarp
from opponent import U8, NotAvailableError, Pair


class SimplejpegWarp(OpenCvWarp):
    """OpenCV's warp after simplejpeg's decoder."""

    name: ClassVar[str] = "simplejpeg_warp"
    about: ClassVar[str] = "simplejpeg + OpenCV's warpAffine"

    def __init__(self, pairs: Sequence[Pair], draws: Sequence[Draw], size: int) -> None:
        super().__init__(pairs, draws, size)
        self.jpeg = JpegBuffer()

    def decode_image(self, data: bytes) -> U8:
        """Decode a JPEG into the kept buffer, anything else by OpenCV."""
        return self.jpeg.decode(data) if simplejpeg.is_jpeg(data) else super().decode_image(data)


class SimplejpegWarpPng(SimplejpegWarp):
    """The same with libdeflate and a compiled unfilter for masks."""

    name: ClassVar[str] = "simplejpeg_warp_png"
    about: ClassVar[str] = "the same with our own PNG decoder (libdeflate + numba)"

    def __init__(self, pairs: Sequence[Pair], draws: Sequence[Draw], size: int) -> None:
        super().__init__(pairs, draws, size)
        try:
            from png_libdeflate import GreyPng
        except ImportError as error:
            raise NotAvailableError(str(error)) from error
        self.png = GreyPng()

    def decode_mask(self, data: bytes) -> U8:
        """Decode an 8-bit grey PNG; anything else by OpenCV."""
        pixels = self.png.decode(data)
        return super().decode_mask(data) if pixels is None else pixels


class JpegBuffer:
    """A decoder that keeps its output buffer, so that no page is faulted in twice."""

    def __init__(self) -> None:
        self.buffer = np.empty(0, np.uint8)

    def decode(self, data: bytes) -> U8:
        """Decode into ``[h, w, 3]``, valid until the next call."""
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        if self.buffer.size < height * width * 3:
            self.buffer = np.empty(height * width * 3, np.uint8)
        pixels: U8 = simplejpeg.decode_jpeg(
            data, "RGB", buffer=self.buffer[: height * width * 3].reshape(height, width, 3)
        )
        return pixels
