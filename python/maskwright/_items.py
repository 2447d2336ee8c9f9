"""An item of a sequence as the compiled part takes it: paths and arrays of certain types."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from maskwright._errors import refuse

Image = str | npt.NDArray[np.uint8]
Mask = npt.NDArray[np.uint8] | npt.NDArray[np.bool_]

PIXELS = "a path, a PIL image, or a uint8 array of shape (height, width, 3) or (height, width)"
LEVELS = "a bool or uint8 array of shape (height, width), above 128 on the object, or 0 and 1"


def is_path(value: object) -> bool:
    """Tell whether this is a path."""
    return isinstance(value, str | os.PathLike)


def path_of(value: str | os.PathLike[str]) -> str:
    """Give a path as text."""
    return os.fspath(value)


def read(item: object, where: str) -> tuple[Image, str | list[Mask]]:
    """Take an item apart: ``(image, masks)`` or a mapping with ``image`` and ``mask`` or ``masks``.

    Returns the image as a path or a C-contiguous uint8 array ``[h, w, 3]``, and the masks as a path or
    a list of C-contiguous bool or uint8 arrays ``[h, w]``. ``where`` names the item in errors.
    """
    if isinstance(item, Mapping):
        masks = item["masks"] if "masks" in item else item.get("mask")
        image = item.get("image")
    elif isinstance(item, tuple | list) and len(item) == 2:
        image, masks = item
    else:
        raise refuse(where, "a pair (image, mask) or a dict with image and mask", described(item))
    return pixels(image, f"{where}, image"), levels(masks, f"{where}, mask")


def pixels(image: Any, where: str) -> Image:
    """Make an image a path or an array ``[h, w, 3]``."""
    if is_path(image):
        return path_of(image)
    if is_pil(image):
        from PIL import ImageOps

        image = ImageOps.exif_transpose(image).convert("RGB")
    array = array_of(image, where, PIXELS)
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (1, 3):
        raise refuse(where, PIXELS, described(array))
    if not array.size:
        raise refuse(where, "pixels", described(array))
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    return np.ascontiguousarray(array)


def levels(masks: Any, where: str) -> str | list[Mask]:
    """Make masks a path or a list of arrays ``[h, w]``, one for each object."""
    if is_path(masks):
        return path_of(masks)
    if isinstance(masks, list | tuple):
        if len(masks) == 1 and is_path(masks[0]):
            return path_of(masks[0])
        return several(masks, where)
    if is_pil(masks):
        return [one_mask(masks, where)]
    array = array_of(masks, where, LEVELS)
    if array.ndim == 3:
        return several(array, where)
    return [one_mask(array, where)]


def several(masks: Any, where: str) -> list[Mask]:
    """Make the masks of several objects arrays."""
    if not len(masks):
        raise refuse(where, "the mask of at least one object", "none")
    return [one_mask(mask, f"{where} {number}") for number, mask in enumerate(masks)]


def one_mask(mask: Any, where: str) -> Mask:
    """Make the mask of one object a bool or uint8 array ``[h, w]``."""
    if is_pil(mask) and mask.mode not in ("1", "L"):
        raise refuse(where, "a PIL image of mode 1 or L", f"mode {mask.mode}")
    array = array_of(mask, where, LEVELS)
    if array.ndim != 2 or array.dtype not in (np.bool_, np.uint8):
        raise refuse(where, LEVELS, described(array))
    if not array.size:
        raise refuse(where, "pixels", described(array))
    # Zeros and ones are bits, whatever they are stored as. Pillow's own bits are bytes of 0 and 255.
    if array.dtype == np.bool_ or array.max() == 1:
        array = array.view(np.uint8) != 0
    return np.ascontiguousarray(array)


def array_of(value: Any, where: str, expected: str) -> npt.NDArray[Any]:
    """Take an array, or whatever gives itself as one: PIL's images, tensors."""
    if isinstance(value, np.ndarray):
        return value
    if not hasattr(value, "__array__") and not hasattr(value, "__array_interface__"):
        raise refuse(where, expected, described(value))
    array: npt.NDArray[Any] = np.asarray(value)
    return array


def is_pil(value: object) -> bool:
    """Tell whether this is an image of Pillow, which need not be installed."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def described(value: object) -> str:
    """Say what was found in the place of something else."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return "nothing" if value is None else f"a {type(value).__name__}"
