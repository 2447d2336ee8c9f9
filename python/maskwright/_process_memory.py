"""Memory that a loader's process shares with the one that started it: slots, each for one batch.

It has no name that could stay behind: on Linux it is of no file at all, on other Unix systems of a file that is
removed before it is used, and on Windows the system frees it with its last user.
"""

from __future__ import annotations

import mmap
import os
import pickle
import sys
import tempfile
import uuid
from typing import Any

SLOTS = 4
"""Batches that are under way at a time: one or two that the consumer looks at, the others ahead of it."""

ALIGNMENT = 64
"""Of the arrays, in bytes: that of JAX, which is the strictest."""

SMALL = 4096
"""Bytes of arrays that are not worth a place of their own."""

Place = tuple[int, int]
"""Offset and length of an array in a slot, in bytes."""


class Handle:
    """What a process finds the memory by: a file that it inherits, or on Windows a name."""

    def __init__(self) -> None:
        self.name = f"maskwright-{uuid.uuid4()}"
        self.file = -1 if sys.platform == "win32" else nameless(self.name)

    def inherited(self) -> tuple[int, ...]:
        """The files that the other process needs."""
        return () if self.file < 0 else (self.file,)

    def size(self, size: int) -> None:
        """Make it so large."""
        if self.file >= 0:
            os.ftruncate(self.file, size)

    def open(self, size: int) -> mmap.mmap:
        """Map it."""
        if sys.platform == "win32":
            return mmap.mmap(-1, size, tagname=self.name)
        return mmap.mmap(self.file, size)

    def close(self) -> None:
        """Let go of the file; what is mapped stays."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


def nameless(name: str) -> int:
    """Open a file that no folder has."""
    if sys.platform == "linux":
        return os.memfd_create(name, os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def slot_bytes(batch_size: int, input_size: int, objects: int) -> int:
    """Bytes that a batch takes at most, in whole pages; what is larger goes another way."""
    pixels, labels = input_size * input_size, batch_size * objects
    mask = (input_size // 4) ** 2
    arrays = batch_size * 3 * pixels + labels * (4 * pixels + pixels + 4 * mask)
    padding = ALIGNMENT * (labels + 4)
    return -(-(arrays + padding) // mmap.PAGESIZE) * mmap.PAGESIZE


def pack(value: object, room: memoryview) -> tuple[bytes, list[Place]]:
    """Pickle a value, the contents of its larger arrays into ``room`` while that lasts."""
    places: list[Place] = []
    end = 0

    def place(buffer: pickle.PickleBuffer) -> bool:
        nonlocal end
        content = buffer.raw()
        start = -(-end // ALIGNMENT) * ALIGNMENT
        if content.nbytes < SMALL or start + content.nbytes > room.nbytes:
            return True
        end = start + content.nbytes
        room[start:end] = content
        places.append((start, content.nbytes))
        return False

    return pickle.dumps(value, protocol=5, buffer_callback=place), places


def unpack(pickled: bytes, places: list[Place], room: Any, copied: bool) -> Any:
    """Give a value back, its arrays in the memory of ``room`` or copied out of it."""
    parts = [room[start : start + length] for start, length in places]
    return pickle.loads(pickled, buffers=[bytearray(part) for part in parts] if copied else parts)
