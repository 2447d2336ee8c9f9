"""The image and the prompts that everyone is asked about."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SIZE = (427, 640)
"""Height and width of the image: neither the model's size nor a square."""


@dataclasses.dataclass
class Prompt:
    """What is pointed at, in pixels of the image."""

    name: str
    box: list[float] | None = None
    points: list[tuple[float, float, int]] = dataclasses.field(default_factory=list)
    mask: bool = False
    """Whether the logits of an earlier prediction are given too."""


PROMPTS = [
    Prompt("box", box=[91.0, 60.5, 400.0, 333.0]),
    Prompt("point", points=[(250.0, 201.0, 1)]),
    Prompt("points", points=[(250.0, 201.0, 1), (17.5, 400.0, 0), (611.0, 33.0, 0)]),
    Prompt("mask", mask=True),
    Prompt("box + points", box=[120.0, 80.0, 500.0, 400.0], points=[(250.0, 201.0, 1), (3, 5, 0)]),
    Prompt("box + mask", box=[120.0, 80.0, 500.0, 400.0], mask=True),
    Prompt("points + mask", points=[(250.0, 201.0, 1), (17.5, 400.0, 0)], mask=True),
    Prompt(
        "box + points + mask", box=[91.0, 60.5, 400.0, 333.0], points=[(250.0, 201.0, 1)], mask=True
    ),
]
"""Every kind of prompt and every combination."""


def image(seed: int) -> npt.NDArray[np.uint8]:
    """Make a picture with soft shapes and noise, ``[height, width, 3]``."""
    rng = np.random.default_rng(seed)
    height, width = SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = np.empty((height, width, 3))
    for channel in range(3):
        waves = np.zeros((height, width))
        for _ in range(6):
            fx, fy, phase = rng.uniform(-0.05, 0.05), rng.uniform(-0.05, 0.05), rng.uniform(0, 6)
            waves += np.sin(fx * x + fy * y + phase)
        planes[..., channel] = 128 + 18 * waves
    disc = (x - 260) ** 2 + 1.4 * (y - 200) ** 2 < 130**2
    planes[disc] = planes[disc] * 0.4 + [150, 40, 10]
    planes += rng.normal(0, 12, planes.shape)
    return np.clip(planes, 0, 255).astype(np.uint8)


def low_res_mask(seed: int, side: int = 256) -> Floats:
    """Make logits as an earlier prediction would give them, ``[1, side, side]``."""
    rng = np.random.default_rng(seed + 1)
    y, x = np.mgrid[0:side, 0:side]
    distance = 60 - np.hypot(x - 104, y - 80)
    logits = distance / 4 + rng.normal(0, 1, (side, side))
    return np.asarray(logits[None], dtype=np.float32)
