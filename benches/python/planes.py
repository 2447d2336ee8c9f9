"""From OpenCV's interleaved pixels to the padded planes that a model takes."""

from __future__ import annotations

import cv2
import numpy as np

from opponent import PAD, U8


def image_planes(pixels: U8, size: int) -> U8:
    """Copy ``[h, w, 3]`` pixels to the top-left of ``[3, size, size]`` planes of padding."""
    rows, cols = pixels.shape[:2]
    planes = np.empty((3, size, size), np.uint8)
    planes[:, rows:] = PAD
    planes[:, :rows, cols:] = PAD
    for channel in range(3):
        cv2.extractChannel(pixels, channel, planes[channel, :rows, :cols])
    return planes


def label_plane(mask: U8, size: int) -> U8:
    """Copy a ``[h, w]`` mask to the top-left of a plane of zeros."""
    rows, cols = mask.shape
    plane = np.zeros((size, size), np.uint8)
    plane[:rows, :cols] = mask
    return plane
