"""HQ-SAM's loss at chosen points, in PyTorch's functions.

Points are chosen as PointRend chooses them (Kirillov et al. 2020): of three times as many uniform
points the three quarters whose logits are nearest to zero, and uniform ones for the rest. There
the loss is the binary cross-entropy plus one minus the Dice coefficient with one added above and
below the line, each a mean over the masks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own custom)

from cases import save, smooth

OVERSAMPLE, IMPORTANCE = 3, 0.75


def at_points(planes: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Sample ``[n, 1, h, w]`` bilinearly at ``[n, p, 2]`` (x, y in 0..1): ``[n, p]``."""
    places = 2 * points[:, :, None] - 1
    return F.grid_sample(planes, places, align_corners=False)[:, 0, :, 0]


def chosen(
    logits: torch.Tensor, candidates: torch.Tensor, uniform: torch.Tensor, points: int
) -> torch.Tensor:
    """Give the points ``[n, points, 2]``, the uncertain ones first."""
    with torch.no_grad():
        certainty = at_points(logits, candidates).abs()
        nearest = certainty.topk(int(IMPORTANCE * points), dim=1, largest=False).indices
        uncertain = torch.take_along_dim(candidates, nearest[:, :, None], dim=1)
    return torch.cat([uncertain, uniform], dim=1)


def losses(
    logits: torch.Tensor, target: torch.Tensor, points: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give cross-entropy and Dice loss of logits and a target in 0..1 at points."""
    found, wanted = at_points(logits, points), at_points(target, points)
    entropy = F.binary_cross_entropy_with_logits(found, wanted)
    chance = found.sigmoid()
    both, either = (chance * wanted).sum(1), chance.sum(1) + wanted.sum(1)
    dice = 1 - (2 * both + 1) / (either + 1)
    return entropy, dice.mean()


def cases(folder: Path, seed: int) -> None:
    """Write the cases of the loss and of its gradient."""
    for number, (side, height, width, points) in enumerate([(16, 64, 64, 196), (24, 48, 72, 256)]):
        rng = np.random.default_rng([seed, 5, number])
        masks = 2
        fields = np.stack([smooth(rng, height, width) for _ in range(masks)])[:, None]
        target = torch.from_numpy(np.clip(4 * fields + 0.5, 0, 1).astype(np.float32))
        noise = rng.standard_normal((masks, 1, side, side))
        coarse = F.interpolate(torch.from_numpy(fields), (side, side), mode="area")
        logits = (3 * coarse + torch.from_numpy(noise)).float().requires_grad_()
        uncertain = int(IMPORTANCE * points)

        def uniform(count: int, rng: np.random.Generator = rng) -> torch.Tensor:
            return torch.from_numpy(rng.random((2, count, 2), dtype=np.float32))

        candidates, rest = uniform(OVERSAMPLE * points), uniform(points - uncertain)
        entropy, dice = losses(logits, target, chosen(logits, candidates, rest, points))
        (entropy + dice).backward()
        save(
            folder / f"case_{number}.safetensors",
            {
                "logits": logits,
                "target": target,
                "oversampled_coords": candidates,
                "random_coords": rest,
                "grad_logits": logits.grad,
            },
            points=points,
            loss_mask=entropy.item(),
            loss_dice=dice.item(),
        )


def focal(found: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Give SAM's focal loss (Lin et al. 2017; alpha 0.25, gamma 2) of every value."""
    chance = found.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(found, wanted, reduction="none")
    right = chance * wanted + (1 - chance) * (1 - wanted)
    balance = 0.25 * wanted + 0.75 * (1 - wanted)
    return balance * entropy * (1 - right) ** 2


def boundary_weight(target: torch.Tensor) -> torch.Tensor:
    """Give F3Net's weight of every pixel (Wei et al. 2020), its window scaled from 352 pixels."""
    reach = round(15 * target.shape[-1] / 352)
    mean = F.avg_pool2d(target, kernel_size=2 * reach + 1, stride=1, padding=reach)
    return 1 + 5 * (mean - target).abs()


def term_cases(folder: Path, seed: int) -> None:
    """Write the terms of other losses, at uniform points of masks and their labels."""
    masks, side, points = 2, 64, 200
    rng = np.random.default_rng([seed, 6])
    fields = np.stack([smooth(rng, side, side) for _ in range(masks)])[:, None]
    target = torch.from_numpy(np.clip(4 * fields + 0.5, 0, 1).astype(np.float32))
    logits = torch.from_numpy(3 * rng.standard_normal((masks, 1, 16, 16))).float()
    places = torch.from_numpy(rng.random((masks, points, 2), dtype=np.float32))
    case = {"logits": logits, "target": target, "points": places}
    told = {}
    for name in ("focal", "boundary"):
        leaf = logits.clone().requires_grad_()
        found, wanted = at_points(leaf, places), at_points(target, places)
        if name == "focal":
            value = focal(found, wanted).mean()
        else:
            weight = at_points(boundary_weight(target), places)
            entropy = F.binary_cross_entropy_with_logits(found, wanted, reduction="none")
            value = ((weight * entropy).sum(1) / weight.sum(1)).mean()
        value.backward()
        told[name] = value.item()
        case[f"grad_{name}"] = leaf.grad
    save(folder / "terms.safetensors", case, **told)
