"""The public packages: models with seeded random weights, and what they predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from segment_anything_hq import SamPredictor, sam_model_registry
from segment_anything_hq.modeling.mask_decoder import MaskDecoder
from segment_anything_hq.modeling.transformer import TwoWayTransformer

from prompts import PROMPTS, Floats, Prompt

EMBEDDINGS = (
    "token.weight",
    "tokens.weight",
    "point_embed.weight",
    "mask_embed.weight",
    *(f"{name}.{i}.weight" for name in ("point_embeddings", "point_embed") for i in range(4)),
)
"""Ends of the names of single learned vectors."""

Outputs = dict[str, Floats]
"""``low_res_logits`` [prompts, masks, 256, 256], ``logits`` of the image's size, and
``iou_predictions``."""


def scatter(model: torch.nn.Module, seed: int) -> None:
    """Give every parameter and buffer a random value of sensible size.

    The packages initialise position tables with zeros and norms with ones, which would hide
    mistakes in them.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if name in ("pixel_mean", "pixel_std") or not tensor.is_floating_point():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(1 + 0.2 * noise.abs())
            elif "gaussian_matrix" in name:
                tensor.copy_(noise)
            elif "pos_embed" in name or "rel_pos" in name or "attention_biases" in name:
                tensor.copy_(0.05 * noise)
            elif tensor.dim() <= 1 and name.endswith("weight"):
                tensor.copy_(1 + 0.1 * noise)
            elif tensor.dim() <= 1:
                tensor.copy_(0.02 * noise)
            elif name.endswith(EMBEDDINGS):
                tensor.copy_(noise)
            else:
                # The deviation of PyTorch's own initialisation.
                tensor.copy_(noise / (3 * tensor[0].numel()) ** 0.5)


def build(variant: str, seed: int) -> torch.nn.Module:
    """Build the official HQ-SAM of this name with random weights, set to evaluation."""
    model = sam_model_registry[variant]()
    scatter(model, seed)
    # TinyViT keeps its attention biases as they are when it is told to evaluate.
    model.train()
    return model.eval()


def leave_hq_out(model: torch.nn.Module) -> None:
    """Turn an HQ-SAM into the SAM inside it: a decoder without the HQ token."""
    transformer = TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
    decoder = MaskDecoder(transformer_dim=256, transformer=transformer)
    missing, _ = decoder.load_state_dict(model.mask_decoder.state_dict(), strict=False)
    if missing:
        raise RuntimeError(f"the HQ decoder lacks {missing}")
    model.mask_decoder = decoder.eval()


class Reference:
    """A model that has looked at the image."""

    def __init__(self, model: torch.nn.Module, image: npt.NDArray[np.uint8]) -> None:
        self.predictor = SamPredictor(model)
        self.predictor.set_image(image)

    def embedding(self) -> Floats:
        """Give the image embedding, ``[1, 256, 64, 64]``."""
        return np.asarray(self.predictor.features.numpy())

    def interm(self) -> Floats:
        """Give the feature that the HQ head takes, ``[1, 64, 64, channels]``."""
        return np.asarray(self.predictor.interm_features[0].numpy())

    def predict(self, mask_input: Floats, multimask: bool, **more: bool) -> Outputs:
        """Predict for every prompt."""
        logits, ious, low_res = [], [], []
        for prompt in PROMPTS:
            points = np.array([p[:2] for p in prompt.points]) if prompt.points else None
            labels = np.array([p[2] for p in prompt.points]) if prompt.points else None
            full, iou, small = self.predictor.predict(
                point_coords=points,
                point_labels=labels,
                box=np.array(prompt.box) if prompt.box else None,
                mask_input=mask_input if prompt.mask else None,
                multimask_output=multimask,
                return_logits=True,
                **more,
            )
            logits.append(full)
            ious.append(iou)
            low_res.append(small)
        return {
            "low_res_logits": np.stack(low_res),
            "logits": np.stack(logits),
            "iou_predictions": np.stack(ious),
        }


def follow_the_original(transformer: torch.nn.Module, hq: bool) -> None:
    """Undo two departures of ``transformers`` from the original mask decoder.

    Its norms have an epsilon of 1e-6 where the original has PyTorch's 1e-5. And ``SamHQModel``
    drops what the two-way transformer makes of the image: it upscales the embedding that went in,
    rows and columns exchanged (seen in 5.23.0). Here the result takes that tensor's place.
    """
    for module in transformer.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = 1e-5
    if not hq:
        return
    published = transformer.forward

    def forward(
        *, image_embeddings: torch.Tensor, **more: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        points, image = published(image_embeddings=image_embeddings, **more)
        placed = image.transpose(2, 3).reshape(image_embeddings.shape)
        image_embeddings.copy_(placed.transpose(2, 3))
        return points, image

    transformer.forward = forward


class Transformers:
    """A model of Hugging Face's ``transformers`` with random weights, that has looked at the image.

    What it is given is what its processor would make of the image: the same pixels and coordinates
    as HQ-SAM's predictor.
    """

    def __init__(self, kind: str, seed: int, folder: Path) -> None:
        import transformers

        self.hq = kind == "SamHQModel"
        config = getattr(transformers, "SamHQConfig" if self.hq else "SamConfig")()
        self.model = getattr(transformers, kind)(config)
        scatter(self.model, seed)
        shared = "shared_image_embedding.positional_embedding"
        state = self.model.state_dict()
        tied = [name for name in state if name.endswith(shared) and name != shared]
        with torch.no_grad():
            for name in tied:
                state[name].copy_(state[shared])
        self.model.eval()
        self.model.save_pretrained(folder)
        follow_the_original(self.model.mask_decoder.transformer, self.hq)

    def look(self, image: npt.NDArray[np.uint8], like: SamPredictor) -> None:
        """Encode the image."""
        self.like = like
        self.size = image.shape[:2]
        scaled = torch.as_tensor(like.transform.apply_image(image)).permute(2, 0, 1)[None]
        self.input_size = tuple(scaled.shape[-2:])
        pixels = like.model.preprocess(scaled)
        with torch.no_grad():
            vision = self.model.vision_encoder(pixels)
        self.features = vision.last_hidden_state
        self.interm = vision.intermediate_embeddings if self.hq else None

    def predict(self, mask_input: Floats, multimask: bool, **more: bool) -> Outputs:
        """Predict for every prompt; of several masks HQ-SAM's rule keeps the first, the best."""
        low_res, ious = [], []
        for prompt in PROMPTS:
            given = self.given(prompt, mask_input)
            if self.hq:
                given["intermediate_embeddings"] = self.interm
            with torch.no_grad():
                output = self.model(
                    image_embeddings=self.features, multimask_output=multimask, **given, **more
                )
            keep = 1 if self.hq else None
            low_res.append(output.pred_masks[0, 0, :keep].numpy())
            ious.append(output.iou_scores[0, 0, :keep].numpy())
        small = np.stack(low_res)
        with torch.no_grad():
            full = self.like.model.postprocess_masks(
                torch.as_tensor(small), self.input_size, self.size
            )
        return {
            "low_res_logits": small,
            "logits": full.numpy(),
            "iou_predictions": np.stack(ious),
        }

    def given(self, prompt: Prompt, mask_input: Floats) -> dict[str, Any]:
        """Give a prompt as the model takes it, in pixels of its input."""
        given: dict[str, Any] = {}
        if prompt.points:
            coords = np.array([p[:2] for p in prompt.points])
            coords = self.like.transform.apply_coords(coords, self.size)
            given["input_points"] = torch.as_tensor(coords, dtype=torch.float)[None, None]
            labels = torch.as_tensor([p[2] for p in prompt.points])
            given["input_labels"] = labels[None, None]
        if prompt.box:
            box = self.like.transform.apply_boxes(np.array(prompt.box), self.size)
            given["input_boxes"] = torch.as_tensor(box, dtype=torch.float)[None]
        if prompt.mask:
            given["input_masks"] = torch.as_tensor(mask_input)[None]
        return given
