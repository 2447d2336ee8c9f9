"""Click masks in ``maskwright studio``, train on them there, and click again with the new model.

    python benches/python/studio_loop.py --images photos/im --masks photos/gt \
        --checkpoint best.safetensors --learn 30 --output loop.md

The photographs go in without their masks. A simulated annotator knows the true mask of a photograph
and clicks the middle of the largest region that is wrong, as in the clicks of interactive
segmentation papers (RITM, Sofiiuk et al. 2021); it stops at an IoU of ``--target`` or after
``--clicks`` clicks. Some photographs are set aside: they are clicked with the first model and with
the one that was trained on the masks of the others, which are made by clicks alone and saved as the
page saves them. All of it goes through the studio's own addresses (docs/studio.md).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from scipy.ndimage import distance_transform_edt, label

from machine import processor_for_products, versions

Mask = npt.NDArray[np.bool_]
PACKAGES = ["numpy", "scipy"]
ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


class Studio:
    """A studio that serves some photographs."""

    def __init__(self, program: str, folder: Path, checkpoint: Path) -> None:
        """Start it, and wait until its model is there."""
        line = [program, "studio", "photos", "--checkpoint", str(checkpoint.resolve())]
        line += ["--no-open", "--port", "0"]
        place = dict(os.environ, XDG_CACHE_HOME=str(folder / "cache"))
        self.process = subprocess.Popen(
            line, cwd=folder, env=place, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if "the studio is at " not in said:
            sys.exit(f"the studio did not start: {said!r}")
        self.url = said.split(" at ")[1].strip().rstrip("/")
        self.until("/api/state", lambda state: state["model"] is not None)

    def ask(self, path: str, body: object = None, method: str = "POST") -> Any:  # noqa: ANN401
        """Get what an address answers, or what it answers to a body."""
        data = None if body is None else json.dumps(body).encode()
        method = "GET" if data is None else method
        request = urllib.request.Request(self.url + path, data, method=method)
        if data is not None:
            request.add_header("X-Maskwright", "1")
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def until(self, path: str, holds: Callable[[Any], bool]) -> Any:  # noqa: ANN401
        """Ask until the answer is the one that is waited for."""
        while not holds(found := self.ask(path)):
            time.sleep(0.5)
        return found

    def end(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait()


def decoded(cropped: dict[str, Any], shape: tuple[int, int]) -> Mask:
    """Make a mask of the box and the run lengths that the studio sends."""
    mask = np.zeros(shape, bool)
    height, width = cropped["height"], cropped["width"]
    runs = cropped["runs"]
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    x, y = cropped["x"], cropped["y"]
    mask[y : y + height, x : x + width] = values.reshape(height, width)
    return mask


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union."""
    union = int((one | other).sum())
    return float((one & other).sum()) / union if union else 1.0


def next_click(truth: Mask, mask: Mask, clicked: Mask) -> dict[str, Any]:
    """Find the middle of the largest region that is wrong and was not clicked yet."""
    best: tuple[float, tuple[int, int], bool] = (0.0, (0, 0), True)
    for wrong, positive in [(truth & ~mask, True), (mask & ~truth, False)]:
        regions, count = label(wrong)
        if count == 0:
            continue
        sizes = np.bincount(regions.ravel())[1:]
        region = regions == int(sizes.argmax()) + 1
        depth = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
        depth[clicked] = 0.0
        place = np.unravel_index(int(depth.argmax()), depth.shape)
        if (size := float(sizes.max())) > best[0]:
            best = (size, (int(place[0]), int(place[1])), positive)
    (y, x), positive = best[1], best[2]
    clicked[y, x] = True
    return {"x": x + 0.5, "y": y + 0.5, "positive": positive}


@dataclass
class Clicked:
    """What came of a photograph."""

    name: str
    clicks: int
    reached: bool
    ious: list[float] = field(default_factory=list)
    mask: dict[str, Any] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)


def click(studio: Studio, row: dict[str, Any], truth: Mask, target: float, most: int) -> Clicked:
    """Click one photograph; the best mask on the way is kept."""
    found = Clicked(row["id"], most, reached=False)
    mask, clicked = np.zeros_like(truth), np.zeros_like(truth)
    points: list[dict[str, Any]] = []
    previous = None
    best = -1.0
    for number in range(1, most + 1):
        points.append(next_click(truth, mask, clicked))
        prompt = {"points": points, "box": None, "previous": previous, "proposals": False}
        answer = studio.ask(f"/api/records/{row['index']}/predict", prompt)
        found.milliseconds.append(answer["milliseconds"])
        previous = answer["proposals"][0]["mask"]
        mask = decoded(previous, (truth.shape[0], truth.shape[1]))
        found.ious.append(iou(mask, truth))
        if found.ious[-1] > best:
            best, found.mask = found.ious[-1], previous
        if found.ious[-1] >= target:
            found.clicks, found.reached = number, True
            break
    return found


def summed(found: list[Clicked]) -> list[str]:
    """Make the cells of a table's row."""

    def at(number: int) -> float:
        return float(np.mean([one.ious[min(number, len(one.ious)) - 1] for one in found]))

    clicks = np.mean([one.clicks for one in found])
    reached = sum(one.reached for one in found)
    best = np.mean([max(one.ious) for one in found])
    return [
        f"{clicks:.2f}",
        f"{reached} of {len(found)}",
        *(f"{at(number):.3f}" for number in (1, 3, 5)),
        f"{best:.3f}",
    ]


def rows_of(studio: Studio, names: set[str]) -> dict[str, dict[str, Any]]:
    """Find the records of some photographs."""
    rows = studio.ask("/api/records?limit=500")["rows"]
    return {row["id"]: row for row in rows if row["id"] in names}


def pairs(images: Path, masks: Path, only: str) -> dict[str, tuple[Path, Path]]:
    """Pair photographs with their masks by name."""
    truth = {path.stem: path for path in masks.iterdir() if path.suffix.lower() in ENDINGS}
    found = {
        path.stem: (path, truth[path.stem])
        for path in sorted(images.iterdir())
        if path.suffix.lower() in ENDINGS and path.stem in truth and path.stem.startswith(only)
    }
    return found


def mask_of(path: Path) -> Mask:
    """Read a mask: above half is the object."""
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("L")) > 127


def main() -> None:
    """Go round once."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--program", default="maskwright")
    flags.add_argument("--images", type=Path, required=True)
    flags.add_argument("--masks", type=Path, required=True)
    flags.add_argument("--only", default="", help="photographs whose names begin so")
    flags.add_argument("--checkpoint", type=Path, required=True)
    flags.add_argument("--learn", type=int, default=30, help="photographs to make masks of")
    flags.add_argument("--test", type=int, default=20, help="photographs that are set aside")
    flags.add_argument("--target", type=float, default=0.85)
    flags.add_argument("--clicks", type=int, default=10)
    flags.add_argument("--set", action="append", default=[], help="KEY=VALUE of the form")
    flags.add_argument("--output", type=Path, required=True)
    given = flags.parse_args()
    known = pairs(given.images, given.masks, given.only)
    names = sorted(name for name in known if mask_of(known[name][1]).any())
    random.Random(42).shuffle(names)
    learn, test = names[: given.learn], names[given.learn : given.learn + given.test]
    with tempfile.TemporaryDirectory() as folder:
        record = go_round(given, known, learn, test, Path(folder))
    given.output.write_text(record)
    print(record)


def go_round(
    flags: argparse.Namespace,
    known: dict[str, tuple[Path, Path]],
    learn: list[str],
    test: list[str],
    folder: Path,
) -> str:
    """Click, train, and click again; the record of it."""
    (folder / "photos").mkdir()
    for name in learn + test:
        shutil.copy(known[name][0], folder / "photos")
    truth = {name: mask_of(known[name][1]) for name in learn + test}
    studio = Studio(flags.program, folder, flags.checkpoint)
    try:
        rows = rows_of(studio, set(learn + test))

        def clicked(name: str) -> Clicked:
            return click(studio, rows[name], truth[name], flags.target, flags.clicks)

        before = [clicked(name) for name in test]
        made = []
        for name in learn:
            one = clicked(name)
            shape = {"name": "object", "colour": "#33aa77", "mask": one.mask}
            saved = {**shape, "clicks": one.clicks, "predicted_iou": None}
            address = f"/api/records/{rows[name]['index']}/corrections"
            studio.ask(address, {"revision": 0, "objects": [saved]}, "PUT")
            made.append(one)
        values = dict(pair.split("=", 1) for pair in flags.set)
        wanted = {"name": "mine", "data": "corrections", "values": values}
        start = time.monotonic()
        studio.ask("/api/train", wanted)
        jobs = studio.until("/api/jobs", lambda jobs: bool(jobs) and jobs[0]["state"] != "running")
        if jobs[0]["state"] != "finished":
            sys.exit(f"the training {jobs[0]['state']}: {jobs[0]['last_line']}")
        seconds = time.monotonic() - start
        best = {row["name"]: row["checkpoint"] for row in studio.ask("/api/runs")}["mine"]
        studio.ask("/api/model", {"checkpoint": "mine"})
        studio.until("/api/state", lambda state: state["model"]["checkpoint"] == best)
        after = [clicked(name) for name in test]
    finally:
        studio.end()
    reached = f"IoU {flags.target} reached"
    head = ["clicks per mask", reached, "IoU at 1 click", "at 3", "at 5", "best"]
    learned_by = ", ".join(flags.set) or "as the form has it"
    lines = [
        f"# The studio's loop, {time.strftime('%Y-%m-%d')}",
        "",
        f"{processor_for_products()}; {versions(PACKAGES)}.",
        f"{len(learn)} photographs were masked by clicks alone, at most {flags.clicks} each, and",
        f"learned from in the studio in {seconds:.0f} s ({learned_by});",
        f"{len(test)} others were clicked with the model as it came and with the trained one.",
        "",
        f"| photographs | model | {' | '.join(head)} |",
        "|---|---|" + "---|" * len(head),
    ]
    for which, model, found in [
        ("learned from", "first", made),
        ("set aside", "first", before),
        ("set aside", "trained", after),
    ]:
        lines.append(f"| {which} | {model} | {' | '.join(summed(found))} |")
    times = [ms for found in (before, made, after) for one in found for ms in one.milliseconds]
    lines += ["", f"A click is answered in {np.median(times):.0f} ms (median of {len(times)})."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
