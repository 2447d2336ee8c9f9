"""8-bit grey PNG by libdeflate, with the filters undone by code that numba compiles.

The yardstick for masks: none of the packages tried decodes PNG at this speed. Chunk checksums are
not verified, in its favour.
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


class GreyPng:
    """A decoder that keeps its output buffer, so that no page is faulted in twice."""

    def __init__(self) -> None:
        self.buffer = np.empty(0, np.uint8)

    def decode(self, data: bytes) -> U8 | None:
        """Decode into ``[h, w]``, valid until the next call.

        None for what is not an 8-bit grey PNG without interlace.
        """
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
        if self.buffer.size < height * width:
            self.buffer = np.empty(height * width, np.uint8)
        pixels = self.buffer[: height * width].reshape(height, width)
        unfilter(filtered, pixels)
        return pixels


@numba.njit
def predicted(average: bool, row: U8, up: U8, out: U8) -> None:
    """Undo Average or Paeth in one row."""
    width = len(out)
    whole = width // 8 * 8
    row8, up8 = row[:whole].view(np.uint64), up[:whole].view(np.uint64)
    out8 = out[:whole].view(np.uint64)
    spread = np.uint64(0x0101_0101_0101_0101)
    # The left and the upper left neighbour.
    a = np.int32(0)
    c = np.int32(0)
    for start in range(0, width, 8):
        if start < whole and a == c:
            flat = np.uint64(a) * spread
            # Neighbours that all agree are predicted to go on.
            if row8[start // 8] == np.uint64(0) and up8[start // 8] == flat:
                out8[start // 8] = flat
                continue
        for x in range(start, min(start + 8, width)):
            b = np.int32(up[x])
            if average:
                near = (a + b) >> 1
            else:
                pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
                near = a if pa <= pb and pa <= pc else (b if pb <= pc else c)
            value = np.uint8(row[x] + near)
            out[x] = value
            a, c = np.int32(value), b


@numba.njit("void(Array(u1, 2, 'C', readonly=True), u1[:, ::1])")
def unfilter(filtered: U8, pixels: U8) -> None:
    """Undo the filter that the first byte of each row names (PNG specification, section 9).

    Masks are flat nearly everywhere, and there eight pixels are done at once.
    """
    height, width = pixels.shape
    zeros = np.zeros(width, np.uint8)
    whole = width // 8 * 8
    spread = np.uint64(0x0101_0101_0101_0101)
    for y in range(height):
        kind = filtered[y, 0]
        row = filtered[y, 1:]
        out = pixels[y]
        up = pixels[y - 1] if y > 0 else zeros
        row8 = row[:whole].view(np.uint64)
        out8 = out[:whole].view(np.uint64)
        if kind == 0:
            # Loops, for numba compiles a copy of a slice into something ten times as slow.
            for x in range(width):
                out[x] = row[x]
        elif kind == 1:
            left = np.uint8(0)
            for word in range(len(row8)):
                if row8[word] == np.uint64(0):
                    out8[word] = np.uint64(left) * spread
                    continue
                for x in range(word * 8, word * 8 + 8):
                    left = np.uint8(left + row[x])
                    out[x] = left
            for x in range(whole, width):
                left = np.uint8(left + row[x])
                out[x] = left
        elif kind == 2:
            for x in range(width):
                out[x] = np.uint8(row[x] + up[x])
        else:
            predicted(kind == 3, row, up, out)
