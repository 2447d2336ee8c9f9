"""Pictures of Pillow, and what importing the package imports."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from files import pictures

from maskwright import Loader, SettingError

pil = pytest.importorskip("PIL.Image")


def loader(data: Any) -> Loader:  # noqa: ANN401
    """Make a small loader."""
    return Loader(data, batch_size=4, input_size=64, seed=3, threads=2)


def test_pictures_of_pillow_are_arrays() -> None:
    arrays, levels = pictures(4)
    [expected] = loader((arrays, levels))
    images = [pil.fromarray(array) for array in arrays]
    for masks in (
        [pil.fromarray(mask) for mask in levels],
        [pil.fromarray(mask).convert("1") for mask in levels],
        levels,
    ):
        [batch] = loader((images, masks))
        np.testing.assert_array_equal(batch.images, expected.images)
        np.testing.assert_array_equal(batch.labels, expected.labels)


def test_pictures_are_turned_upright() -> None:
    arrays, levels = pictures(4)
    [expected] = loader((arrays, levels))
    turned = []
    for array in arrays:
        # Stored a quarter turn to the left, with the note that it has to be turned to the right.
        image = pil.fromarray(np.rot90(array).copy())
        image.getexif()[0x0112] = 6
        turned.append(image)
    [batch] = loader((turned, levels))
    np.testing.assert_array_equal(batch.images, expected.images)


def test_a_palette_is_no_mask() -> None:
    arrays, levels = pictures(4)
    masks = [pil.fromarray(mask).convert("P") for mask in levels]
    with pytest.raises(SettingError, match="expected a PIL image of mode 1 or L, found mode P"):
        list(loader((arrays, masks)))


def test_the_package_imports_numpy_alone() -> None:
    script = "import sys, maskwright; print({'torch', 'PIL', 'tqdm'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
