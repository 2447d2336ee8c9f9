"""Training samples as the model will see them, in one picture."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskwright import _maskwright
from maskwright._errors import refuse
from maskwright._training import PathLike, as_json, data_of


class Preview:
    """A picture of training samples, which notebooks show."""

    tiles: list[dict[str, Any]]
    """What each tile shows: ``record``, ``set``, ``name``, ``prompt``, ``foreground`` (0 to 1),
    ``geometry``, and ``text``, a line that says it.
    """

    def __init__(self, tiles: list[dict[str, Any]], picture: npt.NDArray[np.uint8]) -> None:
        """Keep what was drawn."""
        self.tiles = tiles
        self._picture = picture

    def to_numpy(self) -> npt.NDArray[np.uint8]:
        """Return the picture, uint8 ``[height, width, 3]`` in RGB."""
        return self._picture

    def _repr_png_(self) -> bytes:
        return _maskwright.png(self._picture)

    def save(self, path: PathLike) -> None:
        """Write the picture as a PNG."""
        file = Path(path)
        if file.suffix.lower() != ".png":
            raise refuse("path", "a name that ends in .png", os.fspath(path))
        file.write_bytes(self._repr_png_())

    def __repr__(self) -> str:
        height, width, _ = self._picture.shape
        return f"<Preview of {len(self.tiles)} samples, {width} x {height} pixels>"


def preview(
    data: PathLike | Mapping[str, Any],
    *,
    count: int = 16,
    index: int | None = None,
    seed: int = 42,
    epoch: int = 0,
    input_size: int = 1024,
    tile: int = 320,
    columns: int = 4,
) -> Preview:
    """Draw training samples: the image cut out, the label as a green veil, the prompt.

    The same seed, epoch and record give the same sample in training.

    :param data: the path of a data file, a folder whose layout tells what it is, or a dict with the
        keys of a data file.
    :param count: how many samples, in the order in which the epoch visits them.
    :param index: the one record to show, in place of ``count``.
    :param seed: seed of the training run.
    :param epoch: epoch of the training run, from 0.
    :param input_size: side of the model's input in pixels, a multiple of 16.
    :param tile: side of a tile in pixels, 32 to 4096.
    :param columns: tiles in a row.
    """
    for name, value, least, most in (
        ("count", count, 1, None),
        ("columns", columns, 1, None),
        ("tile", tile, 32, 4096),
        ("index", index, 0, None),
    ):
        if value is not None and (value < least or (most is not None and value > most)):
            upper = "or more" if most is None else f"to {most}"
            raise refuse(name, f"{least} {upper}", str(value))
    shown = None if index is None else (index, index + 1)
    text = as_json("data", data_of(data))
    drawn = _maskwright.draw_preview(text, seed, epoch, shown, count, input_size, tile, columns)
    return Preview(*drawn)
