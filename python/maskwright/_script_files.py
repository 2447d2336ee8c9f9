"""The lists of files of HQ-SAM's script."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from maskwright._errors import DataError, FileMissingError, refuse


def get_im_gt_name_dict(
    datasets: Sequence[dict[str, str]], flag: str = "valid"
) -> list[dict[str, Any]]:
    """List the files of data sets.

    Each is a dict with ``name``, ``im_dir``, ``gt_dir``, ``im_ext`` and ``gt_ext``: an image ``NAME`` + ``im_ext``
    has the mask ``NAME`` + ``gt_ext``. ``flag`` names the list in errors. The lists are sorted by name.

    Raises ``FileMissingError`` for a folder or a mask that is not there, ``DataError`` for a folder without
    images.
    """
    return [files_of(dataset, flag) for dataset in datasets]


def files_of(dataset: dict[str, str], flag: str) -> dict[str, Any]:
    """List the files of one data set."""
    keys = ("name", "im_dir", "gt_dir", "im_ext", "gt_ext")
    if missing := [key for key in keys if key not in dataset]:
        raise refuse(f"{flag} data set", f"the keys {', '.join(keys)}", f"no {missing[0]}")
    name, im_dir, gt_dir, im_ext, gt_ext = (dataset[key] for key in keys)
    images = sorted(each for each in names_in(im_dir, name) if each.endswith(im_ext))
    if not images:
        message = (
            f"set {name}: no images in {im_dir}: expected files that end in {im_ext}, found none"
        )
        raise DataError(message, im_dir, f"files that end in {im_ext}", "none")
    masks = [each.removesuffix(im_ext) + gt_ext for each in images]
    there = set(names_in(gt_dir, name))
    if lost := [mask for mask in masks if mask not in there]:
        path = str(Path(gt_dir) / lost[0])
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        raise FileMissingError(f"set {name}: the mask does not exist: {path}{more}", path)
    return {
        "dataset_name": name,
        "im_path": [os.path.join(im_dir, each) for each in images],  # noqa: PTH118
        "gt_path": [os.path.join(gt_dir, each) for each in masks],  # noqa: PTH118
        "im_ext": im_ext,
        "gt_ext": gt_ext,
    }


def names_in(folder: str, name: str) -> list[str]:
    """List a folder."""
    try:
        return os.listdir(folder)  # noqa: PTH208
    except FileNotFoundError as error:
        message = f"set {name}: the folder does not exist: {folder}"
        raise FileMissingError(message, folder) from error


class Files:
    """The files of one or several data sets."""

    def __init__(self, sets: Sequence[dict[str, Any]]) -> None:
        self.sets = [(each["dataset_name"], each["im_path"], each["gt_path"]) for each in sets]
        for name, images, masks in self.sets:
            if len(images) != len(masks):
                expected = f"as many gt_path as im_path ({len(images)})"
                raise refuse(f"set {name}", expected, str(len(masks)))

    def __len__(self) -> int:
        return sum(len(images) for _, images, _ in self.sets)

    def starts(self) -> npt.NDArray[np.int64]:
        """The number over all sets of each set's first record."""
        lengths = [len(images) for _, images, _ in self.sets]
        return np.cumsum([0, *lengths[:-1]], dtype=np.int64)
