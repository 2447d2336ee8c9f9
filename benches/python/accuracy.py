"""How far each contestant's features and mask are from those of the public package in f32.

All have the same weights and the same image of 1024 x 768 pixels with a box. An opponent counts for
the verdict of ``model.py`` if it is within the limits here.

With weights of a trained model, a mask is where logits are above 0. Seeded weights would make all
of an image an object, or nothing; there it is where logits are above the reference's median, which
is the strictest place to look: half of the image lies on either side.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

from turns import THREADS, ContestantError, last_line
from ways import REFERENCE, WAYS

BOX = "204,153,716,614"
"""The box of ``torch_model.py``."""
OURS = "maskwright"

MOST_MEAN = 0.02
"""Limit of the features' mean difference, in their own standard deviations."""
MOST_PIXELS = 0.02
"""Limit of the share of the mask's pixels that differ.

Wide on purpose, for the opponents' sake: bf16 changes 0.9% of TinyViT's pixels with seeded weights,
which make no sharp edge.
"""


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far a contestant is from the reference."""

    mean: float
    """Mean of the features' absolute differences over the reference's standard deviation."""
    largest: float
    """The largest of them, likewise."""
    pixels: float
    """Share of the mask's pixels that differ."""

    def holds(self) -> bool:
        """Whether it is within the limits."""
        return self.mean <= MOST_MEAN and self.pixels <= MOST_PIXELS


@dataclasses.dataclass(frozen=True)
class Shared:
    """What the contestants of a model share."""

    model: str
    weights: Path
    image: Path
    trained: bool
    precision: str
    """What maskwright's frozen encoder multiplies in."""


Results = tuple[NDArray[Any], NDArray[Any]]  # features [256, 64, 64], logits [768, 1024]


def run(command: list[str | Path]) -> None:
    """Run a program to its end; an error has the last that it said."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | THREADS,
    )
    if done.returncode != 0:
        raise ContestantError(last_line(done.stderr, done.returncode))


def worker(model: str, part: str, *options: str | Path) -> list[str | Path]:
    """The command of a part in PyTorch."""
    script = Path(__file__).with_name("torch_way.py")
    return [sys.executable, "-W", "ignore", script, model, part, *options]


def prepare(command: Path, model: str, given: Path | None, folder: Path, precision: str) -> Shared:
    """Make what is shared: weights for the package and for transformers, and an image."""
    image = folder / "image.png"
    if not image.exists():
        pictures = folder / "pictures"
        run([command, "bench", "files", "--output", pictures, "--count", "1", "--longest", "1024"])
        picture = next((pictures / "images").iterdir())
        Image.open(picture).convert("RGB").resize((1024, 768)).save(image)
    weights = folder / f"{model}.pth"
    if given is None:
        run(worker(model, "weights", "--output", weights))
    else:
        weights.symlink_to(given.resolve())
    if all(way.lacks(model, "encoder") is None for way in WAYS.values()):
        run([command, "convert", weights, folder / f"{model}-hf"])
    return Shared(model, weights, image, given is not None, precision)


def torch_results(shared: Shared, way: str, folder: Path) -> Results:
    """Have a way in PyTorch encode the image and predict the box's mask."""
    path = folder / f"{shared.model}-{way}.npz"
    options: list[str | Path] = ["--way", way, "--weights", shared.weights]
    options += ["--image", shared.image]
    run(worker(shared.model, "results", *options, "--output", path))
    with np.load(path) as made:
        return made["features"], made["logits"]


def our_results(command: Path, shared: Shared, folder: Path) -> Results:
    """Have maskwright do the same."""
    mask = folder / f"{shared.model}-mask.png"
    features, logits = (folder / f"{shared.model}-{what}.safetensors" for what in ("f", "l"))
    options: list[str | Path] = ["--checkpoint", shared.weights, "--image", shared.image]
    options += ["--box", BOX, "--geometry", "sam", "--kind", "sam_hq", "--force", "--output", mask]
    options += ["--precision", shared.precision]
    run([command, "predict", *options, "--embedding", features, "--logits", logits])
    return (
        load_file(features)["image_embedding"].reshape(256, 64, 64),
        load_file(logits)["logits"].reshape(768, 1024),
    )


def difference(found: Results, reference: Results, threshold: float) -> Difference:
    """Compare with the reference."""
    off = np.abs(found[0] - reference[0]) / reference[0].std()
    pixels = (found[1] > threshold) != (reference[1] > threshold)
    return Difference(float(off.mean()), float(off.max()), float(pixels.mean()))


def differences(
    command: Path, shared: Shared, ways: list[str], folder: Path
) -> tuple[dict[str, Difference], dict[str, str]]:
    """Give the differences of maskwright and of the ways, and why some have none."""
    found: dict[str, Difference] = {}
    failures: dict[str, str] = {}
    reference = torch_results(shared, REFERENCE, folder)
    threshold = 0.0 if shared.trained else float(np.median(reference[1]))
    for name in [OURS, *ways]:
        try:
            if name == OURS:
                made = our_results(command, shared, folder)
            else:
                lacks = WAYS[name].lacks(shared.model, "encoder")
                if lacks is not None:
                    raise ContestantError(lacks)
                made = reference if name == REFERENCE else torch_results(shared, name, folder)
            found[name] = difference(made, reference, threshold)
            print(name, found[name], file=sys.stderr, flush=True)
        except ContestantError as error:
            failures[name] = str(error)
            print(name, error, file=sys.stderr, flush=True)
    return found, failures
