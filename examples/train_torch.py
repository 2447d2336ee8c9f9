"""HQ-SAM's training in PyTorch, on maskwright's loader, on one process or several.

The model is that of ``segment_anything_hq``; the HQ head learns, everything else is frozen. Batches come
from ``maskwright.Loader``: no two processes get the same record, and each gets as many batches as the
others::

    pip install maskwright torch segment_anything_hq timm
    python train_torch.py photos --checkpoint sam_vit_b_01ec64.pth --output run
    torchrun --nproc-per-node 8 train_torch.py photos --checkpoint sam_vit_b_01ec64.pth --output run --bf16

``run/state.pt`` is written after every epoch and every ``--save-every`` steps; the same command with
``--resume`` goes on with the very next batch, also on another number of processes as long as
processes times batch size stay the same. ``run/sam_hq_epoch_N.pth`` is a whole model with the official names:
``maskwright eval`` takes it, and so does ``segment_anything_hq``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import maskwright
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

HEAD = ("hf_token", "hf_mlp", "compress_vit_feat", "embedding_encoder", "embedding_maskfeature")
"""The parts of the mask decoder that learn."""

POINTS, OVERSAMPLE, IMPORTANT = 112 * 112, 3, 0.75
"""Of the loss: points of an object, candidates for a point, share of the uncertain ones."""


@dataclasses.dataclass
class Settings:
    """What a training is."""

    data: Any
    output: Path
    batch_size: int = 4
    input_size: int = 1024
    epochs: int = 12
    learning_rate: float = 1e-3
    drop_epoch: int = 10
    seed: int = 42
    threads: int | None = None
    bf16: bool = False
    resume: bool = False
    save_every: int = 1000


class HqTraining(nn.Module):
    """From a batch of the loader to the logits of its objects."""

    def __init__(self, sam: Any) -> None:
        super().__init__()
        self.sam = sam
        for name, parameter in sam.named_parameters():
            parts = name.split(".")
            parameter.requires_grad = parts[0] == "mask_decoder" and parts[1] in HEAD

    def forward(self, batched: list[dict[str, Any]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Answer prompts: logits ``[n, 1, h, w]`` at a quarter of the input, and their objects ``[n]``."""
        sam = self.sam
        with torch.no_grad():
            pixels = torch.stack([sam.preprocess(each["image"]) for each in batched])
            embeddings, early = sam.image_encoder(pixels)
        logits = []
        for number, each in enumerate(batched):
            points = (
                (each["point_coords"], each["point_labels"]) if "point_coords" in each else None
            )
            with torch.no_grad():
                sparse, dense = sam.prompt_encoder(
                    points, each.get("boxes"), each.get("mask_inputs")
                )
            masks, _ = sam.mask_decoder(
                image_embeddings=embeddings[number : number + 1],
                image_pe=sam.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,
                hq_token_only=True,
                interm_embeddings=early[0][number : number + 1].unsqueeze(0),
            )
            logits.append(masks)
        return torch.cat(logits), torch.cat([each["objects"] for each in batched])


def loss_of(logits: torch.Tensor, labels: torch.Tensor, seeds: list[int]) -> torch.Tensor:
    """Cross entropy and dice loss at points of each object, mostly uncertain ones (PointRend).

    ``logits`` are ``[n, 1, h, w]``, ``labels`` ``[n, H, W]`` in 0..255. An object's points are drawn from its seed, so
    they are the same on any number of processes.
    """
    truth = labels[:, None] / 255
    points = torch.cat(
        [points_of(one[None].detach(), seed) for one, seed in zip(logits, seeds, strict=True)]
    )
    at = sampled(logits.float(), points)
    wanted = sampled(truth, points)
    entropy = functional.binary_cross_entropy_with_logits(at, wanted)
    chance = at.sigmoid()
    dice = 1 - (2 * (chance * wanted).sum(1) + 1) / ((chance + wanted).sum(1) + 1)
    return entropy + dice.mean()


def points_of(logits: torch.Tensor, seed: int) -> torch.Tensor:
    """Draw points ``[1, p, 2]`` in 0..1 of one object."""
    generator = torch.Generator().manual_seed(seed)
    candidates = torch.rand(1, OVERSAMPLE * POINTS, 2, generator=generator).to(logits.device)
    count = int(IMPORTANT * POINTS)
    uncertain = -sampled(logits.float(), candidates).abs()
    chosen = uncertain.topk(count, dim=1).indices
    others = torch.rand(1, POINTS - count, 2, generator=generator).to(logits.device)
    return torch.cat([candidates[:, chosen[0]], others], dim=1)


def sampled(planes: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Read ``[n, 1, h, w]`` at points ``[n, p, 2]``."""
    grid = 2 * points[:, :, None] - 1
    return functional.grid_sample(planes, grid, align_corners=False)[:, 0, :, 0]


def train(settings: Settings, sam: Any) -> list[float]:
    """Train the HQ head, and return the loss of each step, a mean over the processes."""
    rank, world_size = place()
    device = torch.device("cuda", rank % torch.cuda.device_count()) if on_gpu() else "cpu"
    model = HqTraining(sam.to(device))
    wrapped = DistributedDataParallel(model) if world_size > 1 else model
    learning = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.Adam(learning, settings.learning_rate)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, settings.drop_epoch)
    loader = maskwright.Loader(
        settings.data,
        settings.batch_size,
        settings.input_size,
        seed=settings.seed,
        rank=rank,
        world_size=world_size,
        threads=settings.threads,
    )
    begin, losses = 0, []
    if settings.resume:
        begin = load(settings.output, model, optimizer, schedule, loader)
    settings.output.mkdir(parents=True, exist_ok=True)
    for epoch in range(begin, settings.epochs):
        loader.set_epoch(epoch)
        for batch in loader:
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=settings.bf16):
                logits, objects = wrapped(batch.to_sam(device))
            labels = batch.to_torch(device)[1][objects]
            numbers = [int(batch.records[batch.image_of[each]]) for each in objects.tolist()]
            seeds = [hash((settings.seed, epoch, each)) % (1 << 63) for each in numbers]
            loss = loss_of(logits, labels, seeds)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            losses.append(mean(loss.detach()))
            if rank == 0:
                line = {"epoch": epoch, "step": batch.index, "loss": losses[-1]}
                with (settings.output / "losses.jsonl").open("a") as log:
                    print(json.dumps(line), file=log)
            if len(losses) % settings.save_every == 0 and rank == 0:
                save(settings.output, model, optimizer, schedule, loader)
        schedule.step()
        if rank == 0:
            save(settings.output, model, optimizer, schedule, loader)
            whole(settings.output / f"sam_hq_epoch_{epoch}.pth", sam.state_dict())
    return losses


def mean(loss: torch.Tensor) -> float:
    """Average over the processes."""
    if place()[1] > 1:
        dist.all_reduce(loss)
        loss /= place()[1]
    return float(loss)


def save(output: Path, model: Any, optimizer: Any, schedule: Any, loader: Any) -> None:
    """Write everything that a training goes on from."""
    tuned = {name: value for name, value in model.named_parameters() if value.requires_grad}
    state = {
        "tuned": tuned,
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "loader": loader.state_dict(),
    }
    whole(output / "state.pt", state)


def load(output: Path, model: Any, optimizer: Any, schedule: Any, loader: Any) -> int:
    """Go on from what was saved, and return the epoch."""
    state = torch.load(output / "state.pt", map_location="cpu")
    model.load_state_dict(state["tuned"], strict=False)
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    loader.load_state_dict(state["loader"])
    epoch: int = state["loader"]["epoch"]
    return epoch


def whole(path: Path, content: Any) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    torch.save(content, part)
    part.replace(path)


def place() -> tuple[int, int]:
    """Rank and number of processes."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def on_gpu() -> bool:
    """Tell whether there is a GPU to train on."""
    return bool(torch.cuda.is_available())


def main() -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("data", type=Path, help="a folder or a data file")
    parser.add_argument("--model-type", default="vit_b", help="vit_b, vit_l, vit_h or vit_tiny")
    parser.add_argument("--checkpoint", type=Path, required=True, help="of SAM or HQ-SAM")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--batch-size", type=int, default=4, help="of each process")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--drop-epoch", type=int, default=10)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--threads", type=int, help="of each process's loader")
    parser.add_argument("--bf16", action="store_true", help="autocast to bf16")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--save-every", type=int, default=1000, metavar="STEPS")
    flags = vars(parser.parse_args())
    from segment_anything_hq import sam_model_registry

    if "RANK" in os.environ:
        dist.init_process_group("nccl" if on_gpu() else "gloo")
    torch.manual_seed(flags["seed"])
    sam = sam_model_registry[flags.pop("model_type")](checkpoint=flags.pop("checkpoint"))
    train(Settings(**flags), sam)
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
