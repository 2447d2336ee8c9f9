"""Cases of the model: the layers of the public package ``segment_anything_hq``, small.

Every part is the package's own class, built with small sizes and seeded values; what a predictor
and HQ-SAM's trainer ask of them is asked here directly.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own custom)
from segment_anything_hq.modeling import ImageEncoderViT, PromptEncoder, Sam, TwoWayTransformer
from segment_anything_hq.modeling.mask_decoder_hq import MaskDecoderHQ
from segment_anything_hq.modeling.tiny_vit_sam import LayerNorm2d, TinyViT

import loss
from cases import mask, picture, save

SIDE, PATCH = 64, 16
"""Side of the input image, and of one cell of its embedding."""
WIDTH = 32
"""Channels of the encoder, of the prompts and of the decoder."""
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
HQ = ("hf_token", "hf_mlp", "compress_vit_feat", "embedding_encoder", "embedding_maskfeature")
STEPS, POINTS = 5, 256
ORIGINAL = (30, 22)
"""A size that masks are brought to, of an image that fills 64 x 48 of the input."""
FILLED = (64, 48)

TINY_WIDTHS, TINY_DEPTHS, TINY_HEADS, TINY_WINDOWS = (
    [8, 16, 24, 32],
    [1, 1, 1, 1],
    [1, 2, 2, 4],
    [7, 7, 14, 7],
)
TINY_STRIDE = 5
"""Of the large embeddings every fifth row and column is kept."""

Model = Any  # the package has no types

Prompt = tuple[
    int, tuple[torch.Tensor, torch.Tensor] | None, torch.Tensor | None, torch.Tensor | None
]
"""The image it is for; points with labels, box and mask, each or nothing."""


def scatter(module: torch.nn.Module, seed: int) -> None:
    """Give every parameter and buffer a seeded value of sensible size.

    The package starts position tables with zeros and norms with ones, which would hide mistakes.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if name.startswith("pixel_") or not tensor.is_floating_point():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            single = tensor.dim() <= 1
            if "pos_embed" in name or "rel_pos" in name or "attention_biases" in name:
                tensor.copy_(0.2 * noise)
            elif name.endswith("running_var"):
                tensor.copy_(1 + 0.2 * noise.abs())
            elif single and name.endswith("weight"):
                tensor.copy_(1 + 0.1 * noise)
            elif single:
                tensor.copy_(0.05 * noise)
            elif "token" in name:
                # Larger ones put f32's gradients a thousandth away from those of f64.
                tensor.copy_(0.3 * noise)
            elif "gaussian_matrix" in name or "_embed" in name:
                tensor.copy_(noise)
            else:
                tensor.copy_(noise / tensor[0].numel() ** 0.5)


def small_sam(seed: int) -> Model:
    """Build a SAM with the HQ head whose parts are all small."""
    cells = SIDE // PATCH
    model = Sam(
        image_encoder=ImageEncoderViT(
            img_size=SIDE,
            patch_size=PATCH,
            embed_dim=WIDTH,
            depth=4,
            num_heads=4,
            mlp_ratio=2,
            out_chans=WIDTH,
            qkv_bias=True,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=3,
            global_attn_indexes=[1, 3],
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=WIDTH,
            image_embedding_size=(cells, cells),
            input_image_size=(SIDE, SIDE),
            mask_in_chans=16,
        ),
        mask_decoder=MaskDecoderHQ(
            transformer_dim=WIDTH,
            transformer=TwoWayTransformer(depth=2, embedding_dim=WIDTH, num_heads=8, mlp_dim=64),
            iou_head_hidden_dim=WIDTH,
            vit_dim=WIDTH,
        ),
        pixel_mean=MEAN,
        pixel_std=STD,
    )
    scatter(model, seed)
    with torch.no_grad():
        # Predicted IoUs about a half: near zero a relative tolerance would ask for too much.
        model.mask_decoder.iou_prediction_head.layers[-1].bias += 0.5
    return model.eval()


def inputs(seed: int) -> dict[str, torch.Tensor]:
    """Give three images, their labels, and a prompt of each kind."""
    rng = np.random.default_rng([seed, 6])
    images = np.stack([picture(rng, SIDE, SIDE) for _ in range(3)]).transpose(0, 3, 1, 2)
    labels = np.stack([mask(rng, SIDE, SIDE) for _ in range(3)])[:, None]
    small = F.interpolate(torch.from_numpy(labels[2:]).float(), (SIDE // 4, SIDE // 4))
    return {
        "images_u8": torch.from_numpy(np.ascontiguousarray(images)),
        "labels_f32": torch.from_numpy(labels).float(),
        "box": torch.tensor([[10.0, 6.0, 47.0, 55.0]]),
        "point_coords": torch.tensor([[[20.0, 30.0], [41.0, 12.0], [3.0, 60.0]]]),
        "point_labels": torch.tensor([[1.0, 1.0, 0.0]]),
        "mask_input": (small > loss.IMPORTANCE).float() * 255,
    }


def prompts_of(case: dict[str, torch.Tensor]) -> list[Prompt]:
    """Give a box, points, a mask, and all of them at once."""
    points = (case["point_coords"], case["point_labels"])
    return [
        (0, None, case["box"], None),
        (1, points, None, None),
        (2, None, None, case["mask_input"]),
        (2, points, case["box"], case["mask_input"]),
    ]


def decoded(
    model: Model, seen: torch.Tensor, early: torch.Tensor, prompt: Prompt, multimask: bool, hq: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Decode one prompt: masks and predicted IoUs, by the package's rule of what is given."""
    image, points, box, given = prompt
    sparse, dense = model.prompt_encoder(points=points, boxes=box, masks=given)
    masks, ious = model.mask_decoder(
        image_embeddings=seen[image : image + 1],
        image_pe=model.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=multimask,
        hq_token_only=hq,
        interm_embeddings=[early[image : image + 1]],
    )
    return masks, ious


def forward(folder: Path, seed: int) -> None:
    """Write the small model, and what it makes of every prompt in every mode."""
    model, case = small_sam(seed), inputs(seed)
    with torch.no_grad():
        pixels = model.preprocess(case["images_u8"].float())
        seen, early = model.image_encoder(pixels)
        # The first image tells enough of a formula.
        case["normalised"] = pixels[:1]
        case["image_embeddings"] = seen
        case["interm_embeddings_0"] = early[0]
        case["image_pe"] = model.prompt_encoder.get_dense_pe()
        for number, prompt in enumerate(prompts_of(case)):
            image, points, box, given = prompt
            sparse, dense = model.prompt_encoder(points=points, boxes=box, masks=given)
            hq_head = model.mask_decoder
            of_hq = hq_head.embedding_encoder(seen[image : image + 1])
            of_hq = of_hq + hq_head.compress_vit_feat(early[0][image : image + 1].movedim(3, 1))
            masks, ious = hq_head.predict_masks(
                image_embeddings=seen[image : image + 1],
                image_pe=case["image_pe"],
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                hq_features=of_hq,
            )
            name = f"prompt{number}"
            case |= {
                f"{name}.sparse": sparse,
                f"{name}.dense": dense,
                f"{name}.all_masks": masks,
                f"{name}.all_ious": ious,
            }
            for multimask in (False, True):
                for hq in (False, True):
                    mode = f"multi{int(multimask)}.hq{int(hq)}"
                    found = decoded(model, seen, early[0], prompt, multimask, hq)
                    case[f"{name}.masks.{mode}"], case[f"{name}.ious.{mode}"] = found
            if number == 0:
                shown = model.postprocess_masks(masks, FILLED, ORIGINAL)
                case[f"postprocess_{ORIGINAL[0]}x{ORIGINAL[1]}"] = shown
    save(folder / "small_sam_hq.safetensors", model.state_dict())
    save(
        folder / "small_forward.safetensors",
        case,
        prompts="0 box on image 0; 1 three points on image 1; 2 mask on image 2; 3 all together on"
        " image 2",
        filled=list(FILLED),
    )


def steps(folder: Path, seed: int) -> None:
    """Write five Adam steps of the HQ head: losses, the first gradients, and what became of it."""
    model, given = small_sam(seed), inputs(seed)
    learning = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(part in name for part in HQ)
        if parameter.requires_grad:
            learning[name] = parameter
    adam = torch.optim.Adam(learning.values(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
    rng = np.random.default_rng([seed, 7])
    case: dict[str, torch.Tensor] = {}
    told = []
    with torch.no_grad():
        seen, early = model.image_encoder(model.preprocess(given["images_u8"].float()))
    for step in range(STEPS):
        masks = torch.cat(
            [
                decoded(model, seen, early[0], prompt, False, True)[0]
                for prompt in prompts_of(given)[:3]
            ]
        )
        uncertain = int(loss.IMPORTANCE * POINTS)
        candidates, rest = (
            torch.from_numpy(rng.random((3, count, 2), dtype=np.float32))
            for count in (loss.OVERSAMPLE * POINTS, POINTS - uncertain)
        )
        points = loss.chosen(masks, candidates, rest, POINTS)
        entropy, dice = loss.losses(masks, given["labels_f32"] / 255, points)
        adam.zero_grad()
        (entropy + dice).backward()
        case[f"step{step}.points"] = points
        told.append([entropy.item(), dice.item()])
        if step == 0:
            case["step0.masks_hq"] = masks
            case |= {f"grad.{name}": p.grad.clone() for name, p in learning.items()}
        adam.step()
    case |= {f"after5.{name}": parameter for name, parameter in learning.items()}
    save(
        folder / "small_train_steps.safetensors",
        case,
        optimizer="Adam lr=1e-3 betas=(0.9,0.999) eps=1e-8; prompts 0, 1, 2 of small_forward on"
        " images 0, 1, 2",
        losses_bce_dice=told,
    )


def tiny_vit(folder: Path, seed: int) -> None:
    """Write a narrow TinyViT encoder, and what it makes of an image of the official 1024 pixels."""
    encoder = TinyViT(
        img_size=1024,
        num_classes=3,
        embed_dims=TINY_WIDTHS,
        depths=TINY_DEPTHS,
        num_heads=TINY_HEADS,
        window_sizes=TINY_WINDOWS,
        drop_path_rate=0.0,
    )
    # The package keeps the resolution in its last merging by the official width of 320 alone, and
    # ends with 256 channels whatever the widths are.
    encoder.layers[2].downsample.conv2.c.stride = (1, 1)
    encoder.layers[3].input_resolution = (64, 64)
    encoder.neck = torch.nn.Sequential(
        torch.nn.Conv2d(TINY_WIDTHS[3], WIDTH, 1, bias=False),
        LayerNorm2d(WIDTH),
        torch.nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
        LayerNorm2d(WIDTH),
    )
    scatter(encoder, seed)
    # Attention biases are laid out when it is told to evaluate, from what they are then.
    encoder.train()
    encoder.eval()
    rng = np.random.default_rng([seed, 8])
    image = torch.from_numpy(picture(rng, 48, 48)).permute(2, 0, 1)
    with torch.no_grad():
        pixels = (image[None].float() - 120) / 58
        large = F.interpolate(pixels, (1024, 1024), mode="bilinear", align_corners=False)
        seen, early = encoder(large)
    state = {f"image_encoder.{name}": value for name, value in encoder.state_dict().items()}
    # Laid out from the biases; checkpoints leave them out.
    state = {name: value for name, value in state.items() if "attention_bias_idxs" not in name}
    save(folder / "tiny_vit.safetensors", state)
    save(
        folder / "tiny_vit_forward.safetensors",
        {
            "image_u8": image,
            "image_embeddings": seen[:, :, ::TINY_STRIDE, ::TINY_STRIDE],
            "interm_embeddings_0": early[0][:, ::TINY_STRIDE, ::TINY_STRIDE],
        },
        input="(image_u8 - 120) / 58, bilinear to 1024 x 1024",
        embed_dims=TINY_WIDTHS,
        depths=TINY_DEPTHS,
        num_heads=TINY_HEADS,
        window_sizes=TINY_WINDOWS,
        classes=3,
        neck=WIDTH,
        stride=TINY_STRIDE,
    )


def pickled(folder: Path) -> None:
    """Write what PyTorch's own format can hold: types, views of one storage, nested names."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 7
    state = {
        "whole": base,
        "turned": base.t(),
        "every.second": base[::2, 1::2],
        "one": torch.tensor(2.5),
        "none": torch.zeros(0, 3),
        "half": (base[0] * 3).half(),
        "brain": (base[1] * 3).bfloat16(),
        "double": base[2].double(),
        "norm.num_batches_tracked": torch.tensor(3, dtype=torch.int64),
        "parameter": torch.nn.Parameter(base[3].clone()),
    }
    path = folder / "pickled.pth"
    torch.save(state, path)
    save(path.with_suffix(".safetensors"), dict(state))
