"""What the argument ``data`` may be, opened."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maskwright import _items
from maskwright._errors import refuse
from maskwright._maskwright import Sets

Data = Any
"""See ``Loader``."""

EXPECTED = (
    "a path, a pair (images, masks) of folders or of sequences, a sequence of (image, mask),"
    " or a dict of such pairs"
)


class Zipped:
    """Two sequences as one of pairs."""

    def __init__(self, images: Sequence[Any], masks: Sequence[Any]) -> None:
        self.images, self.masks = images, masks

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.images[index], self.masks[index]


def open_sets(data: Data, split: str = "train") -> Sets:
    """Open what a loader is given."""
    if _items.is_path(data):
        return Sets.at(os.fspath(data), split)
    if isinstance(data, Mapping):
        if set(data) == {"images", "masks"}:
            return open_pair(data["images"], data["masks"])
        return open_named(data)
    if isinstance(data, tuple) and len(data) == 2:
        return open_pair(*data)
    if not is_sequence(data):
        raise refuse("data", EXPECTED, _items.described(data))
    if not len(data):
        raise refuse("data", "at least one item", "none")
    if isinstance(data, list) and all(is_pair_of_paths(item) for item in data):
        images, masks = zip(*data, strict=True)
        return open_files("data", images, masks)
    return Sets.sequence("data", data, _items.read)


def open_named(data: Mapping[str, Any]) -> Sets:
    """Open several pairs of folders or of lists of paths, by their names."""
    if not data:
        raise refuse("data", "at least one set", "none")
    pairs = {name: pair_of(name, value) for name, value in data.items()}
    if all(_items.is_path(images) and _items.is_path(masks) for images, masks in pairs.values()):
        return Sets.folders([(name, os.fspath(i), os.fspath(m)) for name, (i, m) in pairs.items()])
    for name, (images, masks) in pairs.items():
        if not is_list_of_paths(images) or not is_list_of_paths(masks):
            expected = "a folder or a list of paths on either side, of the same in all sets"
            found = f"{_items.described(images)} and {_items.described(masks)}"
            raise refuse(f"data, set {name}", expected, found)
        same_length(f"data, set {name}", images, masks)
    return Sets.files(
        [
            (name, [os.fspath(i) for i in images], [os.fspath(m) for m in masks])
            for name, (images, masks) in pairs.items()
        ],
        True,
    )


def pair_of(name: str, value: Any) -> tuple[Any, Any]:
    """Take a set's images and masks out of a pair or a dict."""
    if isinstance(value, Mapping) and set(value) == {"images", "masks"}:
        return value["images"], value["masks"]
    if isinstance(value, tuple | list) and len(value) == 2:
        return value[0], value[1]
    raise refuse(f"data, set {name}", "a pair (images, masks)", _items.described(value))


def open_pair(images: Any, masks: Any) -> Sets:
    """Open images and masks that are given apart."""
    if _items.is_path(images) and _items.is_path(masks):
        return Sets.folders([(folder_name(images, masks), os.fspath(images), os.fspath(masks))])
    if not is_sequence(images) or not is_sequence(masks):
        expected = "two folders, or two sequences of the same length"
        found = f"{_items.described(images)} and {_items.described(masks)}"
        raise refuse("data", expected, found)
    same_length("data", images, masks)
    if not len(images):
        raise refuse("data", "at least one image", "none")
    if is_list_of_paths(images) and is_list_of_paths(masks):
        return open_files("data", images, masks)
    return Sets.sequence("data", Zipped(images, masks), _items.read)


def open_files(name: str, images: Sequence[Any], masks: Sequence[Any]) -> Sets:
    """Open files that are named one by one."""
    return Sets.files([(name, [os.fspath(i) for i in images], [os.fspath(m) for m in masks])], True)


def same_length(what: str, images: Sequence[Any], masks: Sequence[Any]) -> None:
    """Refuse lists that do not pair up."""
    if len(images) != len(masks):
        expected = f"as many masks as images ({len(images)})"
        raise refuse(what, expected, str(len(masks)))


def folder_name(images: str | os.PathLike[str], masks: str | os.PathLike[str]) -> str:
    """Name a set: ``leaves/images`` and ``leaves/masks`` are the set ``leaves``."""
    first, second = Path(images), Path(masks)
    named = first.parent if first.parent == second.parent and first.parent.name else first
    return named.name or "images"


def is_sequence(value: object) -> bool:
    """Tell whether this has items by their numbers."""
    is_text = isinstance(value, str | bytes | Mapping)
    return not is_text and hasattr(value, "__getitem__") and hasattr(value, "__len__")


def is_list_of_paths(value: object) -> bool:
    """Tell whether this is a list of paths."""
    return isinstance(value, list | tuple) and all(map(_items.is_path, value))


def is_pair_of_paths(value: object) -> bool:
    """Tell whether this is an image's path and a mask's."""
    return isinstance(value, tuple | list) and len(value) == 2 and is_list_of_paths(value)
