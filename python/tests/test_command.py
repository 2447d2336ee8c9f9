"""The command line of the package, and that it makes the same samples as the loader."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import maskwright
from maskwright import Loader


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``python -m maskwright``."""
    line = [sys.executable, "-m", "maskwright", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_the_version_is_the_packages() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"maskwright {maskwright.__version__}\n")


def test_the_installed_command_is_the_same() -> None:
    script = shutil.which("maskwright", path=sysconfig.get_path("scripts"))
    if script is None:
        pytest.skip("the package is not installed")
    done = subprocess.run([str(script), "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, run("--help").stdout)


def test_the_exit_status_says_whose_fault_it_was(tmp_path: Path) -> None:
    usage = run("train", "--no-such-flag")
    assert usage.returncode == 2
    assert "--no-such-flag" in usage.stderr
    data = run("doctor", tmp_path / "gone")
    assert data.returncode == 1
    assert str(tmp_path / "gone") in data.stderr


def test_the_command_makes_the_loaders_samples(folder: Path, tmp_path: Path) -> None:
    flags = ["--images", folder / "images", "--masks", folder / "masks", "--json", "--seed", 5]
    flags += ["--input-size", 64, "--epoch", 3, "--range", "0..11", "--tile", 32]
    done = run("preview", *flags, "--output", tmp_path / "preview.png")
    assert done.returncode == 0, done.stderr
    tiles = {tile["record"]: tile for tile in json.loads(done.stdout)["tiles"]}
    assert len(tiles) == 11
    loader = Loader(folder, batch_size=11, input_size=64, seed=5)
    loader.set_epoch(3)
    [batch] = loader
    for record, label, prompt in zip(batch.records, batch.labels, batch.prompts, strict=True):
        tile = tiles[int(record)]
        assert tile["prompt"] == prompt.kind
        assert tile["foreground"] == pytest.approx(np.mean(label > 128), abs=1e-9)
