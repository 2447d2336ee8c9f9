"""Train the HQ head by ``maskwright train`` and by ``examples/train_torch.py`` from one checkpoint.

Both get the same batches: the loader is the same, and so is its seed. What differs is the
arithmetic, and the points of each object at which the loss is computed, which either draws of its
own::

    maskwright bench files --output files --count 40
    python train_agreement.py --images files/images --masks files/masks --output agreement.md

The model is a small one, with an input of 256 x 256, which is first trained whole for some epochs.
Then its HQ head is made anew, and both train that for 200 steps.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch

import machine
import record_file

Scores = list[list[dict[str, Any]]]
"""Of either training, the means of each kind of mask."""

REPOSITORY = Path(__file__).resolve().parents[2]
SIZE, BATCH, SEED = 256, 4, 42
ENCODER = {
    "kind": "vit",
    "embed_dim": 32,
    "depth": 2,
    "heads": 1,
    "mlp_dim": 128,
    "global_blocks": [0, 1],
    "window_size": 8,
}
DECODER = {
    "depth": 2,
    "mlp_dim": 256,
    "heads": 4,
    "iou_head_depth": 3,
    "iou_head_hidden": 64,
    "multimask": 3,
    "mask_prompt_dim": 16,
}
MODEL = {
    "image_size": SIZE,
    "patch_size": 16,
    "prompt_dim": 64,
    "hq": True,
    "encoder": ENCODER,
    "decoder": DECODER,
}


def in_pytorch(weights: Path) -> torch.nn.Module:
    """Make the same model of the published package's parts."""
    from segment_anything_hq import modeling

    encoder = modeling.ImageEncoderViT(
        img_size=SIZE,
        embed_dim=32,
        depth=2,
        num_heads=1,
        out_chans=64,
        use_rel_pos=True,
        window_size=8,
        global_attn_indexes=(0, 1),
    )
    grid = SIZE // 16
    prompt_encoder = modeling.PromptEncoder(64, (grid, grid), (SIZE, SIZE), 16)
    transformer = modeling.TwoWayTransformer(depth=2, embedding_dim=64, mlp_dim=256, num_heads=4)
    decoder = modeling.MaskDecoderHQ(
        num_multimask_outputs=3,
        transformer=transformer,
        transformer_dim=64,
        vit_dim=32,
        iou_head_depth=3,
        iou_head_hidden_dim=64,
    )
    sam = modeling.Sam(encoder, prompt_encoder, decoder).eval()
    sam.load_state_dict(torch.load(weights), strict=True)
    return sam


def settings(
    flags: argparse.Namespace, output: Path, model: dict[str, Any], train: dict[str, Any]
) -> dict[str, Any]:
    """Give a run's settings; it validates on what it trains on."""
    pairs = {"images": str(flags.images), "masks": str(flags.masks)}
    return {
        "output": str(output),
        "model": {"input_size": SIZE, **model},
        "train": {"batch_size": BATCH, "seed": SEED, "log_every_steps": 1, **train},
        "data": {"train": [{"name": "set", **pairs}], "valid": [{"name": "set", **pairs}]},
    }


def compare(flags: argparse.Namespace, folder: Path) -> tuple[list[float], list[float], Scores]:
    """Train both ways; give the losses of the steps, and the IoU and boundary IoU behind them."""
    import maskwright

    sys.path.append(str(REPOSITORY / "examples"))
    import train_torch

    whole = {"epochs": flags.whole_epochs, "learns": "all"}
    first = settings(flags, folder / "first", {"config": MODEL}, whole)
    start = maskwright.train(first, report=False)["checkpoint"]
    anew = torch.Generator().manual_seed(SEED)
    official = folder / "start.pth"
    maskwright.convert(start, official)
    weights = torch.load(official)
    for name, value in weights.items():
        if any(f"mask_decoder.{part}." in name for part in train_torch.HEAD) and value.dim() > 1:
            weights[name] = torch.randn(value.shape, generator=anew) * value.std()
    torch.save(weights, official)
    model = {"config": MODEL, "checkpoint": str(official)}
    ours = maskwright.train(
        settings(flags, folder / "ours", model, {"epochs": flags.epochs}), report=False
    )
    steps = maskwright.open_run(folder / "ours").metrics()["loss"].tolist()
    # As the run draws batches: with the data file's defaults, and its seed.
    theirs = train_torch.Settings(
        (flags.images, flags.masks), folder / "theirs", BATCH, SIZE, flags.epochs, seed=SEED
    )
    losses = train_torch.train(theirs, in_pytorch(official))
    found = []
    data = settings(flags, folder, {}, {})["data"]
    last = folder / "theirs" / f"sam_hq_epoch_{flags.epochs - 1}.pth"
    # What PyTorch trained, as our model of the same shape.
    trained = maskwright.convert(last, folder / "theirs.safetensors")
    for checkpoint in (ours["checkpoint"], trained["output"]):
        [scores] = maskwright.evaluate(checkpoint, data, geometry="squash")["sets"]
        found.append(scores["scores"])
    return steps, losses, found


def record(flags: argparse.Namespace, ours: list[float], theirs: list[float], found: Scores) -> str:
    """Say how far the two are apart, as Markdown."""
    apart = [abs(one / other - 1) for one, other in zip(ours, theirs, strict=True)]
    window = max(len(ours) // 10, 1)

    def mean(losses: list[float], at: int) -> float:
        return statistics.mean(losses[at : at + window])

    steps = range(0, len(ours), window)
    rows = [(at, mean(ours, at), mean(theirs, at)) for at in steps]
    whole = abs(statistics.mean(ours) / statistics.mean(theirs) - 1)
    most = max(abs(one / other - 1) for _, one, other in rows)
    lines = [
        f"# Training by Rust and by PyTorch, {datetime.date.today().isoformat()}",
        "",
        "`benches/python/train_agreement.py`: `maskwright train` and `examples/train_torch.py` "
        f"train the HQ head of one checkpoint (a ViT of 2 blocks, input {SIZE} x {SIZE}, itself "
        f"trained for {flags.whole_epochs} epochs) on the same batches of {BATCH}: one loader "
        f"state, one seed, {len(ours)} steps. Each draws the points of its loss by itself.",
        "",
        "| steps | loss, Rust | loss, PyTorch | apart |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {at} to {min(at + window, len(ours)) - 1} | {one:.4f} | {other:.4f} "
        f"| {100 * abs(one / other - 1):.2f}% |"
        for at, one, other in rows
    ]
    lines += [
        "",
        f"All steps: {100 * whole:.2f}% apart; {window} steps together at most "
        f"{100 * most:.2f}%; a single step {100 * statistics.median(apart):.2f}% (median), "
        f"at most {100 * max(apart):.2f}%.",
        "",
        "The last validation, boxes, at the images' own resolution:",
        "",
        "| mask | IoU, Rust | IoU, PyTorch | apart | boundary IoU, Rust | PyTorch | apart |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one, other in zip(*found, strict=True):
        cells = [one["mask"]]
        for key in ("iou", "boundary_iou"):
            both = (one[key], other[key])
            cells += [f"{both[0]:.4f}", f"{both[1]:.4f}", f"{abs(both[0] - both[1]):.4f}"]
        lines.append(f"| {' | '.join(cells)} |")
    cpu, cores = machine.processor()
    packages = machine.versions(("torch", "segment_anything_hq"))
    lines += ["", f"{cpu}, {cores} cores. {packages}.", ""]
    return "\n".join(lines)


def main() -> None:
    """Compare, and write the record."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--whole-epochs", type=int, default=40)
    parser.add_argument("--output", type=Path, help="a file for the record")
    flags = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        steps, losses, found = compare(flags, Path(folder))
    text = record(flags, steps, losses, found)
    print(text)
    record_file.write(flags.output, text)


if __name__ == "__main__":
    main()
