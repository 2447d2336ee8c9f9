"""A small run that the tests train."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from files import write_pairs

import maskwright

SIDE = 64
"""Side of the model's input."""


def settings(root: Path, name: str = "run", epochs: int = 2) -> dict[str, Any]:
    """Give the settings of a small model from nothing on 8 pairs, of which two validate."""
    if not (root / "set").is_dir():
        write_pairs(root / "set", 8)
    pairs = {"images": root / "set" / "images", "masks": root / "set" / "masks"}
    part = "75%"
    return {
        "output": root / name,
        "model": {
            "input_size": SIDE,
            "config": {
                "image_size": SIDE,
                "patch_size": 16,
                "prompt_dim": 64,
                "hq": True,
                "encoder": {
                    "kind": "vit",
                    "embed_dim": 32,
                    "depth": 2,
                    "heads": 1,
                    "mlp_dim": 128,
                    "global_blocks": [0, 1],
                    "window_size": 8,
                },
                "decoder": {
                    "depth": 2,
                    "mlp_dim": 256,
                    "heads": 4,
                    "iou_head_depth": 3,
                    "iou_head_hidden": 64,
                    "multimask": 3,
                    "mask_prompt_dim": 16,
                },
            },
        },
        "train": {"batch_size": 2, "epochs": epochs, "log_every_steps": 1, "learns": "all"},
        "data": {
            "train": [{"name": "ours", "part": part, **pairs}],
            "valid": [{"name": "rest", "part": f"rest of {part}", **pairs}],
        },
    }


def train(root: Path, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Train it; that its weights start fresh is a remark that is not of interest here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return maskwright.train(settings(root), **more)
