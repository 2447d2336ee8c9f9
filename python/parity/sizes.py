"""Hold the image encoder to the original at input sizes that it was not made for.

A small ViT with seeded random weights, position tables included, is saved for inputs of 128 pixels
and asked at others. The original has no interpolation of its absolute positions; here PyTorch's
bicubic does it (``align_corners=False``, no antialiasing). The relative tables are resampled by the
original itself, and windows over the edge padded::

    python sizes.py --maskwright ../../target/release/maskwright
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from segment_anything_hq.modeling import ImageEncoderViT, MaskDecoderHQ, PromptEncoder, Sam
from segment_anything_hq.modeling.transformer import TwoWayTransformer

import reference

MADE_FOR = 128
SIZES = [64, 96, 192, 208]
TOLERANCE = 1e-4


def encoder(size: int) -> torch.nn.Module:
    """Build a small image encoder for inputs of this size."""
    return ImageEncoderViT(
        depth=4,
        embed_dim=64,
        img_size=size,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        num_heads=4,
        use_rel_pos=True,
        global_attn_indexes=[1, 3],
        window_size=3,
        out_chans=256,
    )


def model() -> torch.nn.Module:
    """Build the whole model."""
    grid = MADE_FOR // 16
    prompts = PromptEncoder(
        embed_dim=256,
        image_embedding_size=(grid, grid),
        input_image_size=(MADE_FOR, MADE_FOR),
        mask_in_chans=16,
    )
    transformer = TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    decoder = MaskDecoderHQ(transformer_dim=256, transformer=transformer, vit_dim=64)
    return Sam(encoder(MADE_FOR), prompts, decoder)


def resized(whole: torch.nn.Module, size: int) -> torch.nn.Module:
    """Build the encoder for another size, with the same weights."""
    grid = size // 16
    other = encoder(size)
    weights = dict(whole.image_encoder.named_parameters())
    for name, parameter in other.named_parameters():
        values = weights[name].detach()
        if name == "pos_embed":
            planes = values.permute(0, 3, 1, 2)
            planes = torch.nn.functional.interpolate(planes, (grid, grid), mode="bicubic")
            values = planes.permute(0, 2, 3, 1)
        # Relative tables stay as long as they were: the encoder resamples them when it runs.
        parameter.data = values.clone()
    return other.eval()


def main() -> int:
    """Compare; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--maskwright", type=Path, default=Path("target/release/maskwright"))
    flags = parser.parse_args()
    whole = model()
    reference.scatter(whole, 7)
    worst = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.save(whole.state_dict(), folder / "model.pth")
        for size in SIZES:
            pixels = np.random.default_rng(1).integers(0, 256, (size, size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "image.png")
            planes = torch.as_tensor(pixels).permute(2, 0, 1)[None]
            with torch.no_grad():
                normalised = (planes - whole.pixel_mean) / whole.pixel_std
                embedding, interm = resized(whole, size)(normalised)
            command = [str(flags.maskwright), "predict", "--box=1,1,9,9", f"--input-size={size}"]
            command += [f"--checkpoint={folder / 'model.pth'}", f"--image={folder / 'image.png'}"]
            command += [f"--embedding={folder / 'found.safetensors'}", "--force"]
            subprocess.run(command, check=True, capture_output=True)
            found = load_file(folder / "found.safetensors")
            for key, expected in [("image_embedding", embedding), ("interm_embedding", interm[0])]:
                off = float((found[key] - expected).abs().max() / expected.abs().max())
                worst = max(worst, off)
                print(f"{size} pixels, {key}: {off:.0e}")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
