"""What every opponent is: a maker of training samples with one method.

An opponent is built once from the pairs, the jitter draws and the output size, and then asked for
samples by the index of a draw. All of them return the same things, so a check can hold them to one
another, and a clock can be put around any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from draws import Draw

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

IMAGE_ENDINGS = {".jpg", ".jpeg", ".png"}

POINTS = 10
"""Foreground points in a point prompt, as HQ-SAM trains."""

NOISE_SIZE = 256
"""Side of a noise mask prompt."""

THRESHOLD = 128
"""A label above this is foreground."""

PAD = 128
"""Value of the image where the scaled source does not reach; labels have 0 there."""


class NotAvailableError(Exception):
    """The opponent cannot run here; the message says what is missing."""


@dataclass(frozen=True)
class Pair:
    """An image and its mask."""

    image: Path
    mask: Path


@dataclass
class Sample:
    """A training sample.

    ``image`` is u8, ``[3, size, size]``, RGB, padded with 128. ``label`` is f32, ``[size, size]``,
    0 to 255, padded with 0. ``prompts`` holds what was made of

    - ``"box"``: ``[4]``, x0, y0, x1, y1, inclusive pixel indices in the output;
    - ``"points"``: ``[k, 2]``, x and y of foreground pixels;
    - ``"noise_mask"``: ``[256, 256]``, 0 or 255.
    """

    image: NDArray[Any]
    label: NDArray[Any]
    prompts: dict[str, NDArray[Any]]


class Opponent(Protocol):
    """A maker of samples."""

    name: ClassVar[str]
    """Short name, for the command line."""

    about: ClassVar[str]
    """What it is, for a table."""

    def __init__(self, pairs: Sequence[Pair], draws: Sequence[Draw], size: int) -> None:
        """Prepare whatever lives longer than a sample; raises `NotAvailableError`."""

    def sample(self, index: int) -> Sample:
        """Make the sample of ``draws[index]``, from the files on."""


def list_pairs(images: Path, masks: Path) -> list[Pair]:
    """Pair the files of two folders by stem, sorted by it byte by byte."""

    def by_stem(folder: Path) -> dict[str, Path]:
        return {
            path.stem: path
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_ENDINGS and not path.name.startswith(".")
        }

    image_of, mask_of = by_stem(images), by_stem(masks)
    unpaired = sorted(image_of.keys() ^ mask_of.keys())
    if unpaired:
        raise SystemExit(f"{images} and {masks}: {unpaired[0]} is in one of them only")
    if not image_of:
        raise SystemExit(f"{images}: no JPEG or PNG files")
    stems = sorted(image_of, key=lambda stem: stem.encode())
    return [Pair(image_of[stem], mask_of[stem]) for stem in stems]
