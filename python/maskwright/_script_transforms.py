"""The transforms of HQ-SAM's script, as settings of the loader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from maskwright._errors import refuse
from maskwright._loader import count

Sample = dict[str, Any]


@dataclass(frozen=True)
class RandomHFlip:
    """Mirrors left to right with the probability ``1 - prob``."""

    prob: float = 0.5

    def step(self) -> dict[str, object]:
        """Say it as a data file's ``plan.transforms`` does."""
        return {"kind": "random_hflip", "probability": 1.0 - self.prob}


@dataclass(frozen=True)
class LargeScaleJitter:
    """Resizes by a random scale, in proportion, and takes a random part of ``output_size`` x ``output_size``."""

    output_size: int = 1024
    aug_scale_min: float = 0.1
    aug_scale_max: float = 2.0

    def step(self) -> dict[str, object]:
        """Say it as a data file's ``plan.transforms`` does."""
        low, high = float(self.aug_scale_min), float(self.aug_scale_max)
        return {"kind": "large_scale_jitter", "min": low, "max": high}


@dataclass(frozen=True)
class Resize:
    """Stretches both sides to a size, which is square: ``[1024, 1024]`` or ``1024``."""

    size: int | Sequence[Any] = field(default_factory=lambda: [320, 320])

    def step(self) -> dict[str, object]:
        """Say it as a data file's ``plan.transforms`` does."""
        return {"kind": "squash"}


Ours = RandomHFlip | LargeScaleJitter | Resize


def split_transforms(
    transforms: Sequence[Any],
) -> tuple[list[Ours], list[Callable[[Sample], Sample]]]:
    """Tell those of this module, which come first, from others."""
    first_other = next(
        (at for at, each in enumerate(transforms) if not isinstance(each, Ours)), len(transforms)
    )
    ours, others = list(transforms[:first_other]), list(transforms[first_other:])
    for each in others:
        if isinstance(each, Ours) or not callable(each):
            expected = "the transforms of maskwright.torch first, then callables"
            raise refuse("my_transforms", expected, f"{type(each).__name__} behind others")
    return ours, others


def size_of(ours: Sequence[Ours]) -> int:
    """Find the size of what the transforms give."""
    sized = [each for each in ours if not isinstance(each, RandomHFlip)]
    if len(sized) != 1:
        found = ", ".join(type(each).__name__ for each in sized) or "none"
        raise refuse("my_transforms", "one of LargeScaleJitter and Resize", found)
    size = sized[0].output_size if isinstance(sized[0], LargeScaleJitter) else sized[0].size
    sides = list(size) if isinstance(size, Sequence) and not isinstance(size, str) else [size, size]
    if len(sides) != 2 or sides[0] != sides[1] or any(isinstance(each, str) for each in sides):
        expected = "a whole number, or the same twice (in a script, argparse's type=list makes letters of it)"
        raise refuse(f"the size of {type(sized[0]).__name__}", expected, repr(size))
    return count("a size", sides[0], 1)
