"""Make other sets of a set of pairs, for the experiments in docs/training.md.

Both folders have `images` and `masks`, whose files match by name::

    python training_sets.py shifted DEMO/data/train SHIFTED/train
    python training_sets.py collages DEMO/data/train COLLAGES/train --count 96

`shifted` turns every photograph into something like an X-ray plate: its negative in grey, blurred,
pale and with noise, so that a model that knows the photographs has to learn anew what an object
looks like. The masks stay as they are. `collages` puts eight pictures into one, four beside each
other in two rows, with one mask whose numbers 1 to 8 are the objects (`--mask-kind instances`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

COLUMNS, ROWS = 4, 2


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """List the images of a folder, each with its mask."""
    masks = {path.stem: path for path in sorted((folder / "masks").iterdir())}
    images = sorted((folder / "images").iterdir())
    return [(image, masks[image.stem]) for image in images]


def shifted(source: Path, target: Path) -> None:
    """Write every image as a plate, beside its mask."""
    for number, (image, mask) in enumerate(pairs(source)):
        plate = ImageOps.invert(ImageOps.grayscale(Image.open(image)))
        plate = plate.filter(ImageFilter.GaussianBlur(1.5))
        noise = np.random.default_rng(number).normal(0.0, 25.0, (plate.height, plate.width))
        values = np.clip(np.asarray(plate, np.float32) * 0.4 + 70.0 + noise, 0, 255)
        plate = Image.fromarray(values.astype(np.uint8)).convert("RGB")
        plate.save(target / "images" / f"{image.stem}.jpg", quality=92)
        Image.open(mask).save(target / "masks" / f"{mask.stem}.png")


def collages(source: Path, target: Path, count: int, side: int) -> None:
    """Write pictures of eight images each, and masks that number their objects."""
    known = pairs(source)
    each = COLUMNS * ROWS
    for number in range(min(count, len(known) // each)):
        picture = Image.new("RGB", (COLUMNS * side, ROWS * side))
        numbers = np.zeros((ROWS * side, COLUMNS * side), np.uint8)
        for place, (image, mask) in enumerate(known[number * each : (number + 1) * each]):
            x, y = place % COLUMNS * side, place // COLUMNS * side
            picture.paste(Image.open(image).convert("RGB").resize((side, side)), (x, y))
            label = Image.open(mask).convert("L").resize((side, side))
            numbers[y : y + side, x : x + side][np.asarray(label) > 128] = place + 1
        picture.save(target / "images" / f"{number:04}.jpg", quality=92)
        Image.fromarray(numbers).save(target / "masks" / f"{number:04}.png")


def main() -> None:
    """Make the sets that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("kind", choices=["shifted", "collages"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--count", type=int, default=1 << 30, help="collages at most")
    parser.add_argument(
        "--side", type=int, default=128, help="of a picture in a collage, in pixels"
    )
    flags = parser.parse_args()
    for name in ["images", "masks"]:
        (flags.target / name).mkdir(parents=True, exist_ok=True)
    if flags.kind == "shifted":
        shifted(flags.source, flags.target)
    else:
        collages(flags.source, flags.target, flags.count, flags.side)


if __name__ == "__main__":
    main()
