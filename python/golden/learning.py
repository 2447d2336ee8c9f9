"""Updates and learning rates in PyTorch: AdamW in groups, clipped gradients, schedules.

The groups are made by hand as the training scripts of MAE and BEiT make them: one per rule of decay
and per block of the encoder. Gradients are drawn from seeds, not computed, so that a case holds the
optimizer alone.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch.optim import lr_scheduler

from cases import save

STEPS = 4
RATE, DECAY, LAYER_DECAY, CLIP = 0.05, 0.1, 0.5, 2.0

# Name, shape, whether it decays, and how many blocks lie above it in an encoder of two.
PARAMETERS = [
    ("image_encoder.pos_embed", (1, 2, 2, 3), False, 3),
    ("image_encoder.patch_embed.proj.weight", (3, 2), True, 3),
    ("image_encoder.blocks.0.norm1.weight", (3,), False, 2),
    ("image_encoder.blocks.0.mlp.weight", (3, 4), True, 2),
    ("image_encoder.blocks.1.norm1.weight", (3,), False, 1),
    ("image_encoder.blocks.1.mlp.weight", (3, 4), True, 1),
    ("mask_decoder.hf_token.weight", (1, 4), False, 0),
    ("mask_decoder.mlp.weight", (4, 4), True, 0),
    ("mask_decoder.mlp.bias", (4,), False, 0),
]

EPOCHS, PER_EPOCH, WARMUP, DROP = 5, 6, 8, 2


def updates(folder: Path, seed: int) -> None:
    """Write updates by AdamW, with and without clipping and decay by layers."""
    for number, (layer_decay, clip) in enumerate([(1.0, None), (LAYER_DECAY, CLIP)]):
        rng = np.random.default_rng([seed, 11, number])
        case: dict[str, torch.Tensor] = {}
        parameters, groups = {}, []
        for name, shape, decays, above in PARAMETERS:
            values = torch.from_numpy(rng.standard_normal(shape)).float()
            case[f"start.{name}"] = values
            parameters[name] = torch.nn.Parameter(values.clone())
            groups.append(
                {
                    "params": [parameters[name]],
                    "lr": RATE * layer_decay**above,
                    "weight_decay": DECAY if decays else 0.0,
                }
            )
        adam = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8)
        norms = []
        for step in range(STEPS):
            for name, parameter in parameters.items():
                drawn = torch.from_numpy(rng.standard_normal(parameter.shape)).float()
                # The second step's gradients are short enough to stay as they are.
                parameter.grad = drawn * (0.01 if step == 1 else 1.0)
                case[f"grad{step}.{name}"] = parameter.grad.clone()
            if clip is not None:
                norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), clip).item())
            adam.step()
            case |= {f"after{step}.{name}": p.detach().clone() for name, p in parameters.items()}
        save(
            folder / f"adamw_{number}.safetensors",
            case,
            steps=STEPS,
            rate=RATE,
            weight_decay=DECAY,
            layer_decay=layer_decay,
            clip_norm=clip,
            norms=norms,
        )


def schedules(folder: Path, _seed: int) -> None:
    """Write the rates of every update of a run by PyTorch's schedulers."""
    total = EPOCHS * PER_EPOCH
    rates: dict[str, list[float]] = {}
    for name in ("step", "cosine", "constant", "linear"):
        for warmup in (0, WARMUP):
            sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
            rates[f"{name}_{warmup}"] = rates_of(sgd, name, warmup, total)
    save(
        folder / "rates.safetensors",
        {name: torch.tensor(values, dtype=torch.float64) for name, values in rates.items()},
        rate=RATE,
        epochs=EPOCHS,
        steps_per_epoch=PER_EPOCH,
        drop_every_epochs=DROP,
    )


def rates_of(sgd: torch.optim.SGD, name: str, warmup: int, total: int) -> list[float]:
    """Give the rate of every update; the warm-up ends with the full rate at its last one."""
    after = total - warmup
    if name == "cosine":
        rest = lr_scheduler.CosineAnnealingLR(sgd, T_max=after)
    elif name == "linear":
        rest = lr_scheduler.LinearLR(sgd, start_factor=1.0, end_factor=0.0, total_iters=after)
    elif name == "constant":
        rest = lr_scheduler.ConstantLR(sgd, factor=1.0)
    else:
        # Drops are at the run's epochs, not at those since the warm-up.
        rest = lr_scheduler.MultiStepLR(
            sgd, [e * PER_EPOCH - warmup for e in range(DROP, EPOCHS, DROP)], gamma=0.1
        )
    found = []
    schedule: lr_scheduler.LRScheduler = rest
    if warmup > 0:
        rising = lr_scheduler.LinearLR(sgd, start_factor=1 / warmup, total_iters=warmup - 1)
        schedule = lr_scheduler.SequentialLR(sgd, [rising, rest], milestones=[warmup])
    for _ in range(total):
        found.append(sgd.param_groups[0]["lr"])
        sgd.step()
        schedule.step()
    assert math.isfinite(sum(found))
    return found
