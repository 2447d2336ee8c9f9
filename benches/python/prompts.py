"""Prompts in NumPy and OpenCV: the cheapest we found, for all opponents but HQ-SAM's own way.

Only the kind that was drawn is made, as maskwright does it; HQ-SAM makes all three and then draws.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from draws import Draw
from opponent import NOISE_SIZE, POINTS, THRESHOLD

COARSE = 8
"""A boundary is where detail is lost on the way to an eighth of the size and back."""

CHANGE = 0.01
"""How much of the value range has to be lost for that."""


def make(label: NDArray[Any], draw: Draw) -> dict[str, NDArray[Any]]:
    """Make the prompt of the drawn kind from ``label``, ``[size, size]`` in 0..255, u8 or f32.

    A label without foreground has no box and no points.
    """
    if draw.kind == "box":
        return box(label)
    rng = np.random.default_rng(draw.noise_seed)
    if draw.kind == "points":
        return points(label, rng)
    return {"noise_mask": noise_mask(label, rng)}


def box(label: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Find the tight box; both of its corners are foreground indices, inclusive."""
    x, y, w, h = cv2.boundingRect((label > THRESHOLD).view(np.uint8))
    if w == 0:
        return {}
    return {"box": np.array([x, y, x + w - 1, y + h - 1], np.float32)}


def points(label: NDArray[Any], rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Draw distinct foreground pixels, uniformly."""
    foreground = np.flatnonzero(label > THRESHOLD)
    if foreground.size == 0:
        return {}
    chosen = rng.choice(foreground.size, min(POINTS, foreground.size), replace=False)
    y, x = np.divmod(foreground[chosen], label.shape[1])
    return {"points": np.stack([x, y], axis=1).astype(np.float32)}


def noise_mask(label: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Disturb the boundary of a coarse copy of the label with normal noise."""
    side = (NOISE_SIZE, NOISE_SIZE)
    coarse = (NOISE_SIZE // COARSE, NOISE_SIZE // COARSE)
    small = cv2.resize(label, side, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    small *= 1 / 255
    recovered = cv2.resize(cv2.resize(small, coarse), side)
    boundary = cv2.absdiff(small, recovered) >= CHANGE
    small[boundary] += rng.standard_normal(np.count_nonzero(boundary), dtype=np.float32)
    return np.where(small > 0.5, np.float32(255), np.float32(0))
