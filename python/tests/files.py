"""Small data sets that the tests make, by NumPy alone."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]


def png(pixels: npt.NDArray[Any]) -> bytes:
    """Encode uint8 ``[h, w]`` or ``[h, w, 3]`` as PNG."""
    height, width = pixels.shape[:2]
    kind = 0 if pixels.ndim == 2 else 2
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def picture(number: int) -> tuple[U8, U8]:
    """Make an image ``[h, w, 3]`` and its mask ``[h, w]`` of 0 and 255: a bright ellipse on noise.

    All sizes differ.
    """
    generator = np.random.default_rng(number)
    height, width = 60 + 7 * number % 40, 90 - 5 * number % 30
    image = generator.integers(0, 120, (height, width, 3), dtype=np.uint8)
    y, x = np.mgrid[:height, :width]
    middle_y, middle_x = height * 0.5, width * (0.4 + 0.02 * (number % 10))
    inside = ((y - middle_y) / (height * 0.3)) ** 2 + ((x - middle_x) / (width * 0.25)) ** 2 < 1
    image[inside] += 130
    return image, np.where(inside, np.uint8(255), np.uint8(0))


def pictures(count: int) -> tuple[list[U8], list[U8]]:
    """Make several."""
    made = [picture(number) for number in range(count)]
    return [image for image, _ in made], [mask for _, mask in made]


def write_pairs(root: Path, count: int) -> tuple[list[Path], list[Path]]:
    """Write them into the folders ``images`` and ``masks``, in the order of their names."""
    images, masks = [], []
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image, mask = picture(number)
        images.append(root / "images" / f"{number:03}.png")
        masks.append(root / "masks" / f"{number:03}.png")
        images[-1].write_bytes(png(image))
        masks[-1].write_bytes(png(mask))
    return images, masks
