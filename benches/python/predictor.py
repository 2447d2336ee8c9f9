"""Time ``maskwright.Predictor`` beside the public package's ``SamPredictor``, in turns.

    python benches/python/predictor.py --model vit_b --rounds 5 --output predictor.md

An image of 1024 x 768 pixels is set, and a box on it predicted, as an application in Python does
it: arrays of uint8 go in, boolean masks at the image's resolution come out. Each has two threads.
PyTorch works in the ways of ``ways.py``, ours in f32 and, where the processor has it, in bf16. All
have the same seeded weights, and before anything is timed the masks are compared. Times are
medians, a ratio is the median of the ratios in a round.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from accuracy import BOX, OURS, prepare, run
from machine import processor_for_products, versions
from model_record import MODELS, Row
from ours import find_command
from turns import Contestant, answer, measure_in_turns
from ways import WAYS

OURS_IN = {OURS: "f32", f"{OURS}_bf16": "bf16"}
PARTS = {"set": "`set_image`", "predict": "`predict` of a box"}


def work_of(name: str, part: str, model: str, weights: Path, image: Path) -> Callable[[], Any]:
    """Get a contestant's work ready; what it gives for ``predict`` are masks [1, 768, 1024]."""
    pixels = np.array(Image.open(image).convert("RGB"))
    predictor: Any
    if name in OURS_IN:
        import maskwright

        settings: dict[str, Any] = {"kind": "sam_hq", "geometry": "sam", "precision": OURS_IN[name]}
        predictor = maskwright.Predictor(weights, **settings)
    else:
        import torch

        import torch_model
        from torch_way import model_in

        torch.set_num_threads(2)
        predictor = torch_model.predictor_of(model_in(WAYS[name], model, weights, learns=False))
    if part == "set":
        return lambda: predictor.set_image(pixels)
    predictor.set_image(pixels)
    box = np.array([float(side) for side in BOX.split(",")])
    return lambda: predictor.predict(box=box, multimask_output=False)[0]


def serve(flags: argparse.Namespace) -> None:
    """Work for each line of standard input, or write the masks once."""
    work = work_of(flags.way, flags.part, flags.model, flags.weights, flags.image)
    if flags.masks is not None:
        np.save(flags.masks, work())
        return
    answer(work)


def agreement(
    names: list[str], command: Callable[..., list[str]], folder: Path
) -> dict[str, float]:
    """The share of pixels at which each contestant's mask differs from PyTorch's first way's."""
    masks = {}
    for name in names:
        path = folder / f"{name}.npy"
        run([*command(name, "predict"), "--masks", path])
        masks[name] = np.load(path).astype(bool)
    reference = masks[next(name for name in names if name not in OURS_IN)]
    return {name: float((masks[name] != reference).mean()) for name in names}


def main() -> None:
    """Compare, time, and print a table."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--maskwright", type=Path, help="the command, which makes the image")
    parser.add_argument("--model", default="vit_b", choices=MODELS)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    for name in ("--way", "--part"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--weights", "--image", "--masks"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.way is not None:
        serve(flags)
        return
    ours = [OURS, f"{OURS}_bf16"] if "AVX512-BF16: yes" in processor_for_products() else [OURS]
    names = [
        *ours,
        *(name for name in flags.ways if WAYS[name].lacks(flags.model, "encoder") is None),
    ]
    with tempfile.TemporaryDirectory() as at:
        folder = Path(at)
        shared = prepare(find_command(flags.maskwright), flags.model, None, folder, "f32")
        files = ["--weights", str(shared.weights), "--image", str(shared.image)]
        program = [sys.executable, "-W", "ignore", __file__, "--model", flags.model, *files]

        def command(name: str, part: str) -> list[str]:
            return [*program, "--way", name, "--part", part]

        apart = agreement(names, command, folder)
        lines = [
            f"{flags.model}, {flags.rounds} rounds in turns; milliseconds, and ours / its.",
            "",
            f"| | {' | | '.join(PARTS.values())} | | MiB | pixels apart |",
            "|---|" + "---:|" * (2 * len(PARTS) + 2),
        ]
        rows = []
        for part in PARTS:
            contestants = {name: Contestant(command(name, part), busy=False) for name in names}
            measure_in_turns(list(contestants.values()), flags.rounds)
            rows.append(Row(flags.model, part, contestants, {}, busy=False))
        for name in names:
            cells = []
            for row in rows:
                failure = row.contestants[name].failure
                if failure is not None:
                    cells += [failure, ""]
                else:
                    cells += [f"{row.time(name):.0f}", f"{row.ratio(name, cpu=False):.2f}"]
            peak = max(row.contestants[name].peak_mib for row in rows)
            cells += [str(peak), f"{100 * apart[name]:.3f}%"]
            about = (
                f"`maskwright.Predictor`, {OURS_IN[name]}"
                if name in OURS_IN
                else f"{WAYS[name].about} (`{name}`)"
            )
            lines.append(f"| {about} | {' | '.join(cells)} |")
    packages = versions(["torch", "segment_anything_hq", "transformers", "numpy"])
    lines += ["", f"{processor_for_products()}; load {os.getloadavg()[0]:.1f}. {packages}", ""]
    text = "\n".join(lines)
    print(text)
    if flags.output is not None:
        flags.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
