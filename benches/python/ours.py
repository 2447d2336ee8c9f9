"""Runs the `maskwright` command and reads what it measures of itself."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opponent import NotAvailableError

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ours:
    """A built command and the files that it is to show."""

    command: Path
    images: Path
    masks: Path
    size: int

    def bench(
        self, seed: int, draws: int, threads: int = 1, repeat: int = 1, simd: str | None = None
    ) -> dict[str, Any]:
        """Measure each sample of ``draws`` epochs, ``repeat`` times after one pass to warm up."""
        options = ["--size", self.size, "--threads", threads, "--repeat", repeat]
        options += ["--draws", draws, "--seed", seed, "--json"]
        answer: dict[str, Any] = json.loads(
            self.call("bench", "data", *self.files(), *options, simd=simd)
        )
        return answer

    def preview(self, seed: int, epoch: int, records: int, picture: Path) -> list[dict[str, Any]]:
        """Ask how each record is shown in an epoch; the picture is a by-product."""
        options = ["--seed", seed, "--epoch", epoch, "--range", f"0..{records}"]
        options += ["--input-size", self.size, "--tile", 32, "--json"]
        options += ["--output", picture, "--force"]
        answer: dict[str, Any] = json.loads(self.call("preview", *self.files(), *options))
        tiles: list[dict[str, Any]] = answer["tiles"]
        return tiles

    def files(self) -> list[str | Path]:
        """The flags that name the files."""
        return ["--images", self.images, "--masks", self.masks]

    def call(self, *arguments: object, simd: str | None = None) -> str:
        """Run the command and give its output."""
        environment = dict(os.environ)
        environment.pop("MASKWRIGHT_SIMD", None)
        if simd is not None:
            environment["MASKWRIGHT_SIMD"] = simd
        done = subprocess.run(
            [str(self.command), *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if done.returncode != 0:
            raise NotAvailableError(f"maskwright {arguments[0]}: {done.stderr.strip()}")
        return done.stdout


def find_command(given: Path | None) -> Path:
    """The command given, or the release build of this repository."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    command = given or target / "release" / "maskwright"
    if not command.is_file():
        raise SystemExit(f"{command}: not there; build it by `cargo build --release -p maskwright`")
    return command


def make_files(command: Path, folder: Path, count: int) -> tuple[Path, Path]:
    """Make the seeded set of files, unless the folder holds it already."""
    images, masks = folder / "images", folder / "masks"
    if not images.is_dir() or len(list(images.glob("*.jpg"))) != count:
        arguments = ["bench", "files", "--output", folder, "--count", count, "--json"]
        subprocess.run([str(command), *map(str, arguments)], check=True, capture_output=True)
    return images, masks
