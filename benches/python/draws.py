"""The jitter draws that all contestants share: those of maskwright itself.

maskwright draws everything random from a ChaCha8 stream keyed by (seed, epoch, record, purpose).
The few words that a view needs are computed here again, so that every opponent flips, scales and
crops each image exactly as maskwright does, and a comparison is over the same pixels.

>>> draw = draw_of(seed=42, epoch=0, record=0)
>>> view = draw.view(768, 1024, size=1024)
>>> view.visible[0] <= 1024 and view.visible[1] <= 1024
True
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

SCALE_MIN, SCALE_MAX = 0.1, 2.0
KINDS = ("box", "points", "noise_mask")

FLIP, SCALE, CROP, PROMPT_KIND = 2, 3, 4, 5
"""The purposes, as maskwright numbers them."""


@dataclass(frozen=True)
class View:
    """How an image becomes a sample: mirrored, resized, cropped, padded. Sizes are (h, w)."""

    source: tuple[int, int]
    flip: bool
    scaled: tuple[int, int]
    crop: tuple[int, int]
    visible: tuple[int, int]


@dataclass(frozen=True)
class Draw:
    """What is random in a sample, before its image's size is known."""

    record: int
    flip: bool
    scale: np.float32
    crop: tuple[int, int]
    """64 random bits each for the row and the column of the crop."""
    kind: str
    noise_seed: int
    """For points and noise, where each opponent uses its own generator."""

    def view(self, height: int, width: int, size: int) -> View:
        """HQ-SAM's large scale jitter of an image, in f32 with ties rounded to even."""
        h, w = np.float32(height), np.float32(width)
        target = np.rint(self.scale * np.float32(size))
        ratio = min(target / h, target / w)
        scaled = (max(int(np.rint(h * ratio)), 1), max(int(np.rint(w * ratio)), 1))
        margins = (max(scaled[0] - size, 0), max(scaled[1] - size, 0))
        crop = (below(self.crop[0], margins[0] + 1), below(self.crop[1], margins[1] + 1))
        visible = (min(scaled[0], size), min(scaled[1], size))
        return View((height, width), self.flip, scaled, crop, visible)


def below(bits: int, n: int) -> int:
    """Map 64 random bits to 0..n (Lemire 2019); its rejection, of odds n / 2^64, is left out."""
    return (bits * n) >> 64


def draws_of(seed: int, epochs: range, records: int) -> list[Draw]:
    """All draws of some epochs, one per record, epoch by epoch."""
    return [draw_of(seed, epoch, record) for epoch in epochs for record in range(records)]


def draw_of(seed: int, epoch: int, record: int) -> Draw:
    """The draw of one sample."""

    def words(purpose: int) -> tuple[int, ...]:
        return chacha8_block(struct.pack("<4Q", seed, epoch, record, purpose))

    def uniform(purpose: int) -> np.float32:
        return np.float32(words(purpose)[0] >> 8) * np.float32(2.0**-24)

    crop = words(CROP)
    return Draw(
        record=record,
        flip=bool(uniform(FLIP) < 0.5),
        scale=uniform(SCALE) * np.float32(SCALE_MAX - SCALE_MIN) + np.float32(SCALE_MIN),
        crop=(crop[0] | crop[1] << 32, crop[2] | crop[3] << 32),
        kind=KINDS[int(float(uniform(PROMPT_KIND)) * 3)],
        noise_seed=crop[4],
    )


def chacha8_block(key: bytes) -> tuple[int, ...]:
    """The first 16 words of a ChaCha stream of 8 rounds, counter and nonce 0 (Bernstein 2008)."""
    start = (*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), 0, 0, 0, 0)
    state = list(start)

    def quarter(a: int, b: int, c: int, d: int) -> None:
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFF_FFFF
            mixed = state[z] ^ state[x]
            state[z] = (mixed << turn | mixed >> (32 - turn)) & 0xFFFF_FFFF

    for _ in range(4):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return tuple((a + b) & 0xFFFF_FFFF for a, b in zip(state, start, strict=True))
