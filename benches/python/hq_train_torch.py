"""HQ-SAM's training on a CPU in PyTorch, written by us after what its script does.

Started by ``hq_train.py``: one epoch over a folder, whose views are maskwright's own draws, and a
line of JSON at the end. A loader's processes decode and jitter, with a batch of 2 four of them, as
HQ-SAM has it; the loop makes all three prompts of each label, draws a kind for each image, runs SAM
without gradients and the HQ decoder image by image with them, and takes a step of Adam.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

import hq_sam
import torch_model
import torch_way
from draws import Draw, draws_of
from opponent import POINTS, Pair, list_pairs
from torch_model import Model
from ways import REFERENCE, WAYS

SEED = 42
"""maskwright's default, which its views are drawn with."""
WORKERS = {1: 1, 2: 4, 3: 4, 4: 4}
"""Processes of HQ-SAM's loader by batch size; more images have eight."""


class Views:
    """What the loader reads: image ``[3, h, w]`` and label ``[1, h, w]`` in 0..255, f32."""

    def __init__(self, pairs: list[Pair], draws: list[Draw]) -> None:
        self.pairs, self.draws = pairs, draws

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.pairs)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Make one view."""
        pixels, mask = hq_sam.read(self.pairs[index].image), hq_sam.read(self.pairs[index].mask)
        mask = mask[:, :, 0] if mask.ndim > 2 else mask
        if pixels.ndim < 3:
            pixels = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
        image = torch.tensor(pixels.copy(), dtype=torch.float32).permute(2, 0, 1)
        label = torch.tensor(mask, dtype=torch.float32)[None]
        image, label = hq_sam.jitter(image, label, self.draws[index], torch_model.SIZE)
        return {"image": image, "label": label}


def prompts_of(model: Model, labels: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Make all prompts of labels ``[n, 1, h, w]``, and embed one of a drawn kind for each."""
    boxes, points = hq_sam.boxes(labels[:, 0]), hq_sam.points(labels[:, 0])
    masks = hq_sam.noise_masks(labels)
    # Where a label has too few pixels for all points, HQ-SAM draws among the other kinds.
    kinds = ["box", "point", "noise_mask"]
    if any(len(each) < POINTS for each in points):
        kinds.remove("point")
    embedded = []
    for i in range(len(labels)):
        kind = random.choice(kinds)
        given: dict[str, Any] = {"points": None, "boxes": None, "masks": None}
        if kind == "box":
            given["boxes"] = boxes[i : i + 1]
        elif kind == "point":
            given["points"] = points[i][None], torch.ones(1, len(points[i]))
        else:
            given["masks"] = masks[i : i + 1]
        embedded.append(model.prompt_encoder(**given))
    return embedded


def train(way_name: str, variant: str, pairs: list[Pair], batch: int) -> dict[str, float]:
    """Train one epoch; give its seconds, steps and last loss."""
    way = WAYS[way_name]
    random.seed(SEED)
    model = torch_way.model_in(way, variant, weights=None, learns=True)
    own, adam = torch_model.own_decoder(), torch_model.optimizer(model)
    views = Views(pairs, draws_of(SEED, range(1), len(pairs)))
    workers = WORKERS.get(batch, 8)
    loader = DataLoader(views, batch, shuffle=True, drop_last=False, num_workers=workers)
    steps, loss = 0, 0.0
    start = time.perf_counter()
    for views_of_step in loader:
        # The trainer goes through NumPy to cast to u8, which truncates.
        as_bytes = views_of_step["image"].permute(0, 2, 3, 1).numpy().astype(np.uint8)
        images = torch.as_tensor(as_bytes).permute(0, 3, 1, 2).contiguous()
        labels = views_of_step["label"]
        with torch.no_grad():
            prompts = prompts_of(model, labels)
            features, interm = model.image_encoder(model.preprocess(images))
            if way.unused:
                torch_model.decode_unused(model, own, features, interm, prompts)
        loss = torch_model.learn(model, adam, features, interm, prompts, labels)
        steps += 1
        print(f"step {steps}: loss {loss:.4f}", file=sys.stderr, flush=True)
    return {"seconds": time.perf_counter() - start, "steps": steps, "loss": loss}


def main() -> None:
    """Train and tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--variant", default="vit_b")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--way", choices=WAYS, default=REFERENCE)
    flags = parser.parse_args()
    torch.set_num_threads(2)
    pairs = list_pairs(flags.images, flags.masks)
    print(json.dumps(train(flags.way, flags.variant, pairs, flags.batch)))


if __name__ == "__main__":
    main()
