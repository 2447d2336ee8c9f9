"""No sample at all: both files read and decoded in full, by the fastest decoders at hand.

What a whole sample of maskwright is held to. The JPEG goes through libjpeg-turbo (simplejpeg), the
mask through libdeflate; buffers are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from draws import Draw
from opencv import decode
from opponent import NotAvailableError, Pair, Sample
from simplejpeg_warp import JpegBuffer


class DecodeOnly:
    """Read and decode; the sample is the two pictures as they are."""

    name: ClassVar[str] = "decode_only"
    about: ClassVar[str] = "only decoding both files: libjpeg-turbo + libdeflate"

    def __init__(self, pairs: Sequence[Pair], draws: Sequence[Draw], size: int) -> None:
        del size
        try:
            from png_libdeflate import GreyPng
        except ImportError as error:
            raise NotAvailableError(str(error)) from error
        self.png = GreyPng()
        self.pairs, self.draws = pairs, draws
        self.jpeg = JpegBuffer()

    def sample(self, index: int) -> Sample:
        """Decode the pair of one draw."""
        pair = self.pairs[self.draws[index].record]
        image = self.jpeg.decode(pair.image.read_bytes())
        mask_bytes = pair.mask.read_bytes()
        mask = self.png.decode(mask_bytes)
        if mask is None:
            mask = decode(mask_bytes, 0)
        return Sample(image=image, label=np.asarray(mask), prompts={})
