"""Hold the baseline to numbers that the original computed.

The golden cases are safetensors files with seeded inputs and what the original makes of them; see
the README beside them. The baseline has to agree in every bit, with the PyTorch it was made with::

    python golden.py DIR
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from safetensors import safe_open

import draws
import hq_sam


def main() -> None:
    """Check all cases; exit with 1 if one differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="the folder with geometry/ and prompts/")
    folder = parser.parse_args().folder
    # PyTorch chooses its kernel by the number of threads: with one, as the data loader's workers
    # have it, another than the cases were made with, and a few values differ in their last bits.
    torch.set_num_threads(2)
    jitters = sorted(folder.glob("geometry/jitter_*.safetensors"))
    labels = sorted(folder.glob("prompts/labels_*.safetensors"))
    if not jitters or not labels:
        parser.error(f"{folder}: no golden cases")
    wrong = [path for path in jitters if not same_jitter(path)]
    wrong += [path for path in labels if not same_prompts(path)]
    for path in wrong:
        print(f"{path.name}: differs", file=sys.stderr)
    print(f"{len(jitters)} views and {len(labels)} batches of prompts, {len(wrong)} differ")
    sys.exit(1 if wrong else 0)


def load(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors of a file and its metadata, whose values are JSON."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata() or {}
    return tensors, {name: json.loads(value) for name, value in metadata.items()}


def same_jitter(path: Path) -> bool:
    """Whether image and label come out alike, in every bit."""
    tensors, metadata = load(path)
    span = np.float32(draws.SCALE_MAX - draws.SCALE_MIN)
    draw = draws.Draw(
        record=0,
        flip=bool(metadata["flip"]),
        scale=np.float32(metadata["rand"]) * span + np.float32(draws.SCALE_MIN),
        crop=(metadata["offset_h"], metadata["offset_w"]),
        kind="box",
        noise_seed=0,
    )
    # The case holds the crop itself, not the bits that it is drawn from.
    with mock.patch.object(draws, "below", lambda offset, _: offset):
        image, label = hq_sam.jitter(
            tensors["source_image"].float().permute(2, 0, 1),
            tensors["source_label"].float()[None],
            draw,
            metadata["size"],
        )
    same_image = torch.equal(image, tensors["image_f32"])
    return bool(same_image and torch.equal(label.flatten(), tensors["label_f32"].flatten()))


def same_prompts(path: Path) -> bool:
    """Whether boxes and noise masks come out alike, given the same noise."""
    tensors, _ = load(path)
    labels, noise = tensors["label_f32"], tensors["noise"]
    with mock.patch.object(torch, "randn", lambda shape: noise.reshape(shape)):
        masks = hq_sam.noise_masks(labels)
    boxes = hq_sam.boxes(labels[:, 0])
    same_boxes = torch.equal(boxes, tensors["box_xyxy"])
    return bool(same_boxes and torch.equal(masks, tensors["noise_mask_255"]))


if __name__ == "__main__":
    main()
