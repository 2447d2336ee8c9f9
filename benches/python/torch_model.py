"""The model's parts in PyTorch, as the public package ``segment_anything_hq`` runs them (eager).

Started by ``model.py``; measures once for each line on standard input and answers with a line of
JSON, as ``maskwright bench model --in-turns`` does::

    python torch_model.py vit_b encoder
    python torch_model.py vit_l step --device cuda --batch 4
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import stand_in
from turns import answer

stand_in.torchvision()

from segment_anything_hq import SamPredictor, sam_model_registry  # noqa: E402
from segment_anything_hq.modeling.mask_decoder import MaskDecoder  # noqa: E402
from segment_anything_hq.modeling.transformer import TwoWayTransformer  # noqa: E402

SIZE = 1024
BOX = [float(int(share * SIZE)) for share in (0.2, 0.15, 0.7, 0.6)]
PARTS = ["encoder", "decoder", "head", "step"]
POINTS = 112 * 112
HQ_PARTS = ("hf_token", "hf_mlp", "compress_vit_feat", "embedding_encoder", "embedding_maskfeature")

Work = Callable[[], object]
Model = Any  # the package has no types


def model_of(variant: str, device: str = "cpu", weights: Path | None = None) -> Model:
    """Build the official model with random weights, or a file's; only the HQ head learns."""
    torch.manual_seed(1)
    model = sam_model_registry[variant]()
    if weights is not None:
        model.load_state_dict(torch.load(weights, map_location="cpu"))
    model = model.eval().to(device)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(part in name for part in HQ_PARTS)
    return model


def pixels(height: int = SIZE, batch: int = 1) -> torch.Tensor:
    """Give noise as u8, ``[batch, 3, height, 1024]``."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (batch, 3, height, SIZE), generator=generator, dtype=torch.uint8)


def predictor_of(model: Model) -> Any:  # noqa: ANN401
    """The package's predictor."""
    return SamPredictor(model)


def encoder(model: Model) -> Work:
    """One image, from normalised pixels to features."""
    inputs = model.preprocess(pixels())

    def work() -> object:
        with torch.no_grad():
            return model.image_encoder(inputs)

    return work


def decoder(model: Model) -> Work:
    """A box on an encoded image, to the mask at the image's size."""
    predictor = predictor_of(model)
    predictor.set_image(pixels(SIZE * 3 // 4)[0].permute(1, 2, 0).numpy())
    box = np.array(BOX)
    return lambda: predictor.predict(box=box, multimask_output=False)


def head(model: Model) -> Work:
    """The HQ mask of a box from an image's features, and the HQ head's gradients."""
    with torch.no_grad():
        features, interm = model.image_encoder(model.preprocess(pixels()))
    prompt = embedded(model)

    def work() -> object:
        masks = hq_masks(model, features, interm, [prompt])
        masks.square().mean().backward()
        model.zero_grad(set_to_none=True)
        return masks

    return work


def step(model: Model, device: str = "cpu", batch: int = 1, unused: bool = True) -> Work:
    """A training step as HQ-SAM makes it, from u8 images in host memory to changed parameters.

    With ``unused`` the whole SAM runs first, with its own decoder and the upscaling of its mask,
    whose results are not used; then the HQ decoder, image by image, the loss at chosen points, and
    Adam.
    """
    own = own_decoder(device)
    adam = optimizer(model)
    images = pixels(batch=batch)
    labels = torch.zeros(batch, 1, SIZE, SIZE)
    x0, y0, x1, y1 = (int(corner) for corner in BOX)
    labels[..., y0 : y1 + 1, x0 : x1 + 1] = 255.0

    def work() -> object:
        with torch.no_grad():
            features, interm = model.image_encoder(model.preprocess(images.to(device)))
            prompts = [embedded(model, device) for _ in range(batch)]
            if unused:
                decode_unused(model, own, features, interm, prompts)
        return learn(model, adam, features, interm, prompts, labels.to(device))

    return work


def own_decoder(device: str = "cpu") -> Model:
    """SAM's own mask decoder, which HQ-SAM's trainer runs beside the one that learns."""
    transformer = TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    return MaskDecoder(transformer_dim=256, transformer=transformer).eval().to(device)


def optimizer(model: Model) -> Any:  # noqa: ANN401
    """HQ-SAM's Adam over what learns."""
    trained = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.Adam(trained, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)


def decode_unused(
    model: Model,
    own: Model,
    features: torch.Tensor,
    interm: list[torch.Tensor],
    prompts: list[tuple[torch.Tensor, torch.Tensor]],
) -> None:
    """Make SAM's own mask of each prompt, as HQ-SAM's trainer does, which does not use it."""
    for i, prompt in enumerate(prompts):
        low_res, _ = own(
            image_embeddings=features[i : i + 1],
            image_pe=model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=prompt[0],
            dense_prompt_embeddings=prompt[1],
            multimask_output=False,
            hq_token_only=False,
            interm_embeddings=[each[i : i + 1] for each in interm],
        )
        _ = model.postprocess_masks(low_res, (SIZE, SIZE), (SIZE, SIZE)) > 0


def learn(
    model: Model,
    adam: Any,  # noqa: ANN401
    features: torch.Tensor,
    interm: list[torch.Tensor],
    prompts: list[tuple[torch.Tensor, torch.Tensor]],
    labels: torch.Tensor,
) -> float:
    """Decode the HQ masks, take a step against labels in 0..255, and give the loss."""
    masks = hq_masks(model, features, interm, prompts)
    loss = point_loss(masks, labels / 255.0)
    adam.zero_grad()
    loss.backward()
    adam.step()
    return float(loss.item())


def embedded(model: Model, device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
    """Embed the box."""
    with torch.no_grad():
        boxes = torch.tensor([BOX], device=device)
        sparse, dense = model.prompt_encoder(points=None, boxes=boxes, masks=None)
    return sparse, dense


def hq_masks(
    model: Model,
    features: torch.Tensor,
    interm: list[torch.Tensor],
    prompts: list[tuple[torch.Tensor, torch.Tensor]],
) -> torch.Tensor:
    """Decode the HQ mask of each image's prompt, image by image."""
    masks = [
        model.mask_decoder(
            image_embeddings=features[i : i + 1],
            image_pe=model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            hq_token_only=True,
            interm_embeddings=[each[i : i + 1] for each in interm],
        )[0]
        for i, (sparse, dense) in enumerate(prompts)
    ]
    return torch.cat(masks)


def sampled(planes: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Sample ``[n, 1, h, w]`` at points in 0..1, bilinearly: ``[n, points]``."""
    grid = 2 * points.unsqueeze(2) - 1
    return functional.grid_sample(planes, grid, align_corners=False)[:, 0, :, 0]


def point_loss(masks: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross entropy and dice at the most uncertain of three times as many points, and at random."""
    with torch.no_grad():
        candidates = torch.rand(len(masks), 3 * POINTS, 2, device=masks.device)
        uncertain = int(0.75 * POINTS)
        certainty = sampled(masks.detach(), candidates).abs()
        places = certainty.topk(uncertain, dim=1, largest=False).indices
        chosen = candidates.gather(1, places.unsqueeze(2).expand(-1, -1, 2))
        anywhere = torch.rand(len(masks), POINTS - uncertain, 2, device=masks.device)
        points = torch.cat([chosen, anywhere], dim=1)
        truth = sampled(labels, points)
    logits = sampled(masks, points)
    entropy = functional.binary_cross_entropy_with_logits(logits, truth)
    chance = logits.sigmoid()
    both = 2 * (chance * truth).sum(1) + 1
    dice = 1 - both / (chance.sum(1) + truth.sum(1) + 1)
    return entropy + dice.mean()


def main() -> None:
    """Measure the package as it is."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("variant")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--device", default="cpu", help="another than cpu: step alone")
    parser.add_argument("--batch", type=int, default=1, help="images of a step")
    flags = parser.parse_args()
    torch.set_num_threads(2)
    model = model_of(flags.variant, flags.device)
    if flags.part == "step":
        work = step(model, flags.device, flags.batch)
    else:
        work = {"encoder": encoder, "decoder": decoder, "head": head}[flags.part](model)
    answer(work)


if __name__ == "__main__":
    main()
