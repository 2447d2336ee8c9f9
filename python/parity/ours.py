"""Runs maskwright on the same image and prompts, and on checkpoints of other layouts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from prompts import PROMPTS, Floats


class RefusedError(RuntimeError):
    """Maskwright ended with an error."""


def write_prompts(folder: Path, mask_input: Floats) -> Path:
    """Write the prompts as ``maskwright predict --prompts`` reads them."""
    np.save(folder / "mask_input.npy", mask_input)
    entries = []
    for prompt in PROMPTS:
        entry: dict[str, object] = {}
        if prompt.box:
            entry["box"] = prompt.box
        if prompt.points:
            entry["points"] = prompt.points
        if prompt.mask:
            entry["mask_input"] = "mask_input.npy"
        entries.append(entry)
    path = folder / "prompts.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def convert(command: Path, checkpoint: Path, output: Path) -> None:
    """Write a checkpoint in another layout, which the name of the output tells."""
    run([str(command), "convert", str(checkpoint), str(output)])


def run(args: list[str]) -> None:
    """Run the command; what it refuses becomes an error."""
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RefusedError(done.stderr.strip())


def predict(
    command: Path,
    checkpoint: Path,
    folder: Path,
    kind: str,
    multimask: bool,
    embedding: bool,
    more: Sequence[str] = (),
) -> dict[str, Floats]:
    """Give the logits and IoUs of every prompt, and the embeddings where wanted."""
    logits = folder / "ours.safetensors"
    features = folder / "features.safetensors"
    args = [
        str(command),
        "predict",
        "--geometry=sam",
        "--force",
        f"--checkpoint={checkpoint}",
        f"--image={folder / 'image.png'}",
        f"--prompts={folder / 'prompts.json'}",
        f"--kind={kind}",
        f"--logits={logits}",
        *more,
    ]
    if multimask:
        args.append("--multimask")
    if embedding:
        args.append(f"--embedding={features}")
    run(args)
    outputs: dict[str, Floats] = load_file(logits)
    if embedding:
        outputs |= load_file(features)
    return outputs
