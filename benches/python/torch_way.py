"""The model in PyTorch in each of the ways of ``ways.py``; started by ``model.py``.

Measures as ``torch_model.py`` does, writes the weights that all contestants share, or writes what
the model makes of an image, for comparing one way with another::

    python torch_way.py vit_b weights --output b.pth
    python torch_way.py vit_b encoder --way sdpa_bf16 --weights b.pth
    python torch_way.py vit_b results --way sdpa_bf16 --weights b.pth --image a.png --output a.npz
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

import torch_model
from torch_model import Model
from turns import answer
from ways import REFERENCE, WAYS, Way

Tensors = Any  # a tensor, or lists, tuples and dictionaries of them


def cast(tensors: Tensors, dtype: torch.dtype | None) -> Tensors:
    """Cast what is a floating-point tensor."""
    if isinstance(tensors, dict):
        return {name: cast(each, dtype) for name, each in tensors.items()}
    if isinstance(tensors, list | tuple):
        return type(tensors)(cast(each, dtype) for each in tensors)
    is_float = isinstance(tensors, torch.Tensor) and tensors.is_floating_point()
    return tensors.to(dtype) if is_float and dtype is not None else tensors


def surround(
    module: Model,
    takes: torch.dtype | None = None,
    gives: torch.dtype | None = None,
    autocast: bool = False,
) -> None:
    """Have a module's inputs and outputs cast, and let it run under bf16 autocast or not."""
    inner = module.forward

    def forward(*args: object, **named: object) -> Tensors:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return cast(inner(*cast(args, takes), **cast(named, takes)), gives)

    module.forward = forward


def vit_attention(self: Model, x: torch.Tensor) -> torch.Tensor:
    """Attention of the ViT by SDPA, its relative positions ``[b, heads, hw, hw]`` as the mask."""
    from segment_anything_hq.modeling.image_encoder import get_rel_pos

    batch, height, width, _ = x.shape
    tokens, heads = height * width, self.num_heads
    qkv = self.qkv(x).reshape(batch, tokens, 3, heads, -1).permute(2, 0, 3, 1, 4)
    query, key, value = qkv.unbind(0)
    grid = query.reshape(batch, heads, height, width, -1)
    rows = get_rel_pos(height, height, self.rel_pos_h)
    cols = get_rel_pos(width, width, self.rel_pos_w)
    by_row = torch.einsum("bnhwc,hkc->bnhwk", grid, rows)
    by_col = torch.einsum("bnhwc,wkc->bnhwk", grid, cols)
    bias = by_row.unsqueeze(-1) + by_col.unsqueeze(-2)
    bias = bias.reshape(batch, heads, tokens, tokens)
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    mixed = mixed.transpose(1, 2).reshape(batch, height, width, -1)
    return self.proj(mixed)


def tiny_vit_attention(self: Model, x: torch.Tensor) -> torch.Tensor:
    """Attention of TinyViT by SDPA, its table of offsets ``[1, heads, n, n]`` as the mask."""
    batch, tokens, _ = x.shape
    sizes = [self.key_dim, self.key_dim, self.d]
    qkv = self.qkv(self.norm(x)).view(batch, tokens, self.num_heads, -1).transpose(1, 2)
    query, key, value = qkv.split(sizes, dim=3)
    mixed = functional.scaled_dot_product_attention(
        query, key, value, attn_mask=self.ab.unsqueeze(0), scale=self.scale
    )
    return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, self.dh))


def decoder_attention(
    self: Model, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor
) -> torch.Tensor:
    """Attention of the mask decoder by SDPA."""
    query = self._separate_heads(self.q_proj(q), self.num_heads)
    key = self._separate_heads(self.k_proj(k), self.num_heads)
    value = self._separate_heads(self.v_proj(v), self.num_heads)
    mixed = functional.scaled_dot_product_attention(query, key, value)
    return self.out_proj(self._recombine_heads(mixed))


def use_sdpa() -> None:
    """Put SDPA in the place of the package's attention, for all models of this process."""
    from segment_anything_hq.modeling import image_encoder, tiny_vit_sam, transformer

    image_encoder.Attention.forward = vit_attention
    tiny_vit_sam.Attention.forward = tiny_vit_attention
    transformer.Attention.forward = decoder_attention


def use_transformers(model: Model, weights: Path) -> None:
    """Put transformers' image encoder in the place of the package's.

    ``weights`` is a file with a folder of transformers' layout beside it: NAME.pth, NAME-hf. The
    mask decoder stays the package's: that of transformers 5.24 enlarges the image's features where
    HQ-SAM enlarges what its transformer made of them, and so gives other masks.
    """
    from transformers import SamHQModel

    folder = weights.with_name(f"{weights.stem}-hf")
    encoder = SamHQModel.from_pretrained(folder, attn_implementation="sdpa").eval().vision_encoder
    for parameter in encoder.parameters():
        parameter.requires_grad = False
    encode = encoder.forward

    def forward(pixels: torch.Tensor) -> Tensors:
        made = encode(pixels)
        return made.last_hidden_state, made.intermediate_embeddings

    encoder.forward = forward
    encoder.img_size = torch_model.SIZE
    model.image_encoder = encoder


def model_in(way: Way, variant: str, weights: Path | None, learns: bool) -> Model:
    """Build a model that runs in a way; where it ``learns``, the mask decoder has f32 weights."""
    if way.sdpa:
        use_sdpa()
    model = torch_model.model_of(variant, weights=weights)
    if way.transformers:
        if weights is None:
            raise SystemExit("transformers' model takes its weights from a file: --weights")
        use_transformers(model, weights)
    half, single = torch.bfloat16, torch.float32
    encoder, decoder = model.image_encoder, model.mask_decoder
    if way.precision == "bf16":
        encoder.bfloat16()
        if not learns:
            decoder.bfloat16()
    if way.compiled:
        # As PyTorch's guide for inference on a CPU has it: weights are constants, packed once.
        import torch._inductor.config as inductor

        inductor.freezing = True
        encoder.forward = torch.compile(encoder.forward)
        decoder.forward = torch.compile(decoder.forward)
    if way.precision == "bf16":
        surround(encoder, takes=half, gives=single if learns else None)
        surround(decoder, takes=None if learns else half, gives=single)
    if way.precision == "autocast":
        surround(encoder, autocast=True)
        surround(decoder, gives=single, autocast=True)
    return model


def work_of(way: Way, variant: str, part: str, weights: Path | None) -> Callable[[], object]:
    """Get a part of a model ready."""
    model = model_in(way, variant, weights, learns=part in ("head", "step"))
    if part == "step":
        return torch_model.step(model, unused=way.unused)
    makers = {
        "encoder": torch_model.encoder,
        "decoder": torch_model.decoder,
        "head": torch_model.head,
    }
    return makers[part](model)


def write_weights(variant: str, path: Path) -> None:
    """Write seeded weights, where nothing that training would fill is left at zero."""
    model = torch_model.model_of(variant)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in ("rel_pos", "pos_embed", "attention_biases")):
                parameter.normal_(std=0.1, generator=generator)
    torch.save(model.state_dict(), path)


def write_results(way: Way, variant: str, weights: Path | None, image: Path, path: Path) -> None:
    """Write the image's features ``[256, 64, 64]`` and the logits of the box's mask, both f32."""
    predictor = torch_model.predictor_of(model_in(way, variant, weights, learns=False))
    predictor.set_image(np.array(Image.open(image).convert("RGB")))
    box = np.array(torch_model.BOX)
    logits, _, _ = predictor.predict(box=box, multimask_output=False, return_logits=True)
    np.savez(path, features=predictor.features[0].float().numpy(), logits=logits[0])


def main() -> None:
    """Measure, or write weights or results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("variant")
    parser.add_argument("part", choices=[*torch_model.PARTS, "weights", "results"])
    parser.add_argument("--way", choices=WAYS, default=REFERENCE)
    parser.add_argument("--weights", type=Path, help="the package's, .pth; seeded if not given")
    parser.add_argument("--image", type=Path, help="of results: 1024 pixels at its longest side")
    parser.add_argument("--output", type=Path, help="of weights and results")
    flags = parser.parse_args()
    torch.set_num_threads(2)
    way = WAYS[flags.way]
    if flags.part == "weights":
        write_weights(flags.variant, flags.output)
    elif flags.part == "results":
        write_results(way, flags.variant, flags.weights, flags.image, flags.output)
    else:
        answer(work_of(way, flags.variant, flags.part, flags.weights))


if __name__ == "__main__":
    main()
