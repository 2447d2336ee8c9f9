"""The ways in which PyTorch runs the model on a CPU: the opponents of ``model.py``."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Way:
    """How an opponent runs.

    ``precision`` is "f32", "bf16" (weights and activations) or "autocast" (f32 weights, bf16
    products). In bf16 the prompt encoder stays in f32, and so does what learns.
    """

    about: str
    precision: str
    sdpa: bool = True
    compiled: bool = False
    transformers: bool = False
    unused: bool = False
    """Whether a training step also runs SAM's own decoder in vain, as HQ-SAM's trainer does."""

    def lacks(self, model: str, part: str) -> str | None:
        """Why it has no such work, if it has none."""
        if self.transformers and model == "vit_tiny":
            return "transformers has no SAM-HQ with TinyViT"
        if self.transformers and part in ("decoder", "head"):
            return "the mask decoder of transformers' SamHQModel makes other masks than HQ-SAM's"
        if self.precision == "bf16" and part == "head":
            return "what learns keeps weights in f32"
        return None


PACKAGE = "segment_anything_hq"

WAYS = {
    "eager_f32": Way(f"`{PACKAGE}` as it is, f32", "f32", sdpa=False, unused=True),
    "eager_autocast": Way(f"`{PACKAGE}` as it is, bf16 autocast", "autocast", sdpa=False),
    "sdpa_f32": Way(f"`{PACKAGE}`, SDPA, f32", "f32"),
    "sdpa_autocast": Way(f"`{PACKAGE}`, SDPA, bf16 autocast", "autocast"),
    "sdpa_bf16": Way(f"`{PACKAGE}`, SDPA, bf16 weights", "bf16"),
    "compiled_f32": Way(f"`{PACKAGE}`, SDPA, `torch.compile`, f32", "f32", compiled=True),
    "compiled_bf16": Way(
        f"`{PACKAGE}`, SDPA, `torch.compile`, bf16 weights", "bf16", compiled=True
    ),
    "transformers_f32": Way(
        "image encoder of transformers' `SamHQModel`, SDPA, f32", "f32", transformers=True
    ),
    "transformers_bf16": Way(
        "image encoder of transformers' `SamHQModel`, SDPA, bf16 weights",
        "bf16",
        transformers=True,
    ),
}
"""All of them by name; the first is what the others' results are compared with."""

REFERENCE = "eager_f32"
