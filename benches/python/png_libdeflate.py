"""8-bit grey PNG by libdeflate, with the filters undone by code that numba compiles.

The yardstick for masks: no package of Python decodes PNG at this speed. Chunk checksums are not
verified, in its favour.
"""

from __future__ import annotations

import struct

import deflate
import numba
import numpy as np

from opponent import U8

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY_8_BIT = bytes([8, 0, 0, 0, 0])
"""Bit depth 8, colour type grey, deflate, the five filters, not interlaced."""


def decode_grey(data: bytes) -> U8 | None:
    """Decode into ``[h, w]``; None for what is not an 8-bit grey PNG without interlace."""
    if data[:8] != SIGNATURE or data[24:29] != GREY_8_BIT:
        return None
    width, height = struct.unpack(">2I", data[16:24])
    parts = []
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IDAT":
            parts.append(data[at + 8 : at + 8 + length])
        elif kind == b"IEND":
            break
        at += length + 12
    rows = deflate.zlib_decompress(b"".join(parts), height * (width + 1))
    filtered = np.frombuffer(rows, np.uint8).reshape(height, width + 1)
    pixels = np.empty((height, width), np.uint8)
    unfilter(filtered, pixels)
    return pixels


@numba.njit("void(Array(u1, 2, 'C', readonly=True), u1[:, ::1])")
def unfilter(filtered: U8, pixels: U8) -> None:
    """Undo the filter that the first byte of each row names (PNG specification, section 9)."""
    height, width = pixels.shape
    zeros = np.zeros(width, np.uint8)
    for y in range(height):
        kind = filtered[y, 0]
        row = filtered[y, 1:]
        out = pixels[y]
        up = pixels[y - 1] if y > 0 else zeros
        if kind == 0:
            out[:] = row
        elif kind == 1:
            left = np.uint8(0)
            for x in range(width):
                left = np.uint8(left + row[x])
                out[x] = left
        elif kind == 2:
            for x in range(width):
                out[x] = np.uint8(row[x] + up[x])
        elif kind == 3:
            left = np.uint8(0)
            for x in range(width):
                left = np.uint8(row[x] + ((np.int32(left) + np.int32(up[x])) >> 1))
                out[x] = left
        else:
            a = np.int32(0)
            c = np.int32(0)
            for x in range(width):
                b = np.int32(up[x])
                pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
                near = a if pa <= pb and pa <= pc else (b if pb <= pc else c)
                value = np.uint8(row[x] + near)
                out[x] = value
                a, c = np.int32(value), b
