"""Hold maskwright's predictions to those of the public PyTorch packages, at full size.

For each official variant a model with seeded random weights is built by ``segment_anything_hq``
(and for ViT-B by ``transformers`` too), saved, and asked about one image with every kind of prompt;
maskwright loads the file and is asked the same. Compared are image embeddings, mask logits at both
sizes and predicted IoUs, as the largest difference over the largest value::

    python parity.py --maskwright ../../target/release/maskwright --output ../../docs/parity.md
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from segment_anything_hq import SamPredictor, sam_model_registry

import ours
import prompts
import reference
from prompts import PROMPTS, Floats

TOLERANCE = 1e-4
SEED = 7
VARIANTS = ["vit_tiny", "vit_b", "vit_l", "vit_h"]
PACKAGES = ["torch", "torchvision", "segment_anything_hq", "timm", "transformers", "pillow"]

MODES: list[tuple[str, str, bool, dict[str, bool]]] = [
    ("SAM, single mask", "sam", False, {}),
    ("SAM, three masks", "sam", True, {}),
    ("HQ mask", "hq", False, {"hq_token_only": True}),
    ("SAM + HQ, single mask", "sam_hq", False, {"hq_token_only": False}),
    ("SAM + HQ, best of three", "sam_hq", True, {"hq_token_only": False}),
]
"""Title, kind of mask, multimask, and what the HQ predictor is told."""

OTHERS = "\n## Checked by other programs\n"

TRANSFORMERS = (
    "`transformers` departs from the original in two places, which are corrected before the"
    " comparison (`follow_the_original` in `reference.py`). The epsilon of the mask decoder's norms"
    " is 1e-6 instead of 1e-5, which moves logits by 1e-4. In `SamHQModel` the image side of the"
    " two-way transformer's result is dropped, so that HQ masks differ altogether."
)

Row = tuple[str, str, dict[str, float]]
"""Model, mode, and the difference of each output (per prompt for masks)."""


def difference(found: Floats, expected: Floats) -> float:
    """Give the largest difference over the largest value."""
    if found.shape != expected.shape:
        raise ValueError(f"expected the shape {expected.shape}, found {found.shape}")
    return float(abs(found - expected).max() / abs(expected).max())


def compare(found: dict[str, Floats], expected: dict[str, Floats]) -> dict[str, float]:
    """Compare what both have; masks prompt by prompt."""
    columns: dict[str, float] = {}
    for place, prompt in enumerate(PROMPTS):
        columns[prompt.name] = max(
            difference(found[name][place], expected[name][place])
            for name in ("low_res_logits", "logits")
        )
    columns["IoUs"] = difference(found["iou_predictions"], expected["iou_predictions"])
    for name in ("image_embedding", "interm_embedding"):
        if name in expected:
            columns[name] = difference(found[name], expected[name])
    return columns


def of_variant(variant: str, command: Path, folder: Path, say: Callable[[str], None]) -> list[Row]:
    """Compare one official variant."""
    image, mask_input = prompts.image(SEED), prompts.low_res_mask(SEED)
    Image.fromarray(image).save(folder / "image.png")
    ours.write_prompts(folder, mask_input)
    started = time.monotonic()
    model = reference.build(variant, SEED)
    checkpoint = folder / f"sam_hq_{variant}.pth"
    torch.save(model.state_dict(), checkpoint)
    hq = reference.Reference(model, image)
    expected = {
        (kind, multi): hq.predict(mask_input, multi, **more)
        for _, kind, multi, more in MODES
        if kind != "sam"
    }
    features = {"image_embedding": hq.embedding(), "interm_embedding": hq.interm()}
    reference.leave_hq_out(model)
    for _, kind, multi, _ in MODES:
        if kind == "sam":
            expected[kind, multi] = hq.predict(mask_input, multi)
    del hq, model
    say(f"{variant}: the reference took {time.monotonic() - started:.0f} s")
    rows: list[Row] = []
    for title, kind, multi, _ in MODES:
        wanted = dict(expected[kind, multi])
        first = not rows
        if first:
            wanted |= features
        started = time.monotonic()
        found = ours.predict(command, checkpoint, folder, kind, multi, embedding=first)
        rows.append((variant, title, compare(found, wanted)))
        say(f"{variant}, {title}: {worst(rows[-1]):.1e} ({time.monotonic() - started:.0f} s)")
    checkpoint.unlink()
    return rows


def of_transformers(
    kind: str, command: Path, folder: Path, say: Callable[[str], None]
) -> list[Row]:
    """Compare Hugging Face's models of ViT-B's size, whose folders maskwright converts."""
    image, mask_input = prompts.image(SEED), prompts.low_res_mask(SEED)
    Image.fromarray(image).save(folder / "image.png")
    ours.write_prompts(folder, mask_input)
    saved = folder / kind
    model = reference.Transformers(kind, SEED, saved)
    checkpoint = folder / f"{kind}.pth"
    ours.convert(command, saved, checkpoint)
    shutil.rmtree(saved)
    model.look(image, SamPredictor(sam_model_registry["vit_b"]()))
    rows: list[Row] = []
    for title, of, multi, more in MODES:
        if (of == "sam") == model.hq:
            continue
        expected = model.predict(mask_input, multi, **more)
        found = ours.predict(command, checkpoint, folder, of, multi, embedding=False)
        rows.append((f"transformers {kind} (vit_b)", title, compare(found, expected)))
        say(f"{rows[-1][0]}, {title}: {worst(rows[-1]):.1e}")
    checkpoint.unlink()
    return rows


def worst(row: Row) -> float:
    """Give a row's largest difference."""
    return max(row[2].values())


def markdown(rows: list[Row], skipped: list[str]) -> str:
    """Give the page."""
    columns = ["image_embedding", "interm_embedding", *(p.name for p in PROMPTS), "IoUs"]
    titles = ["encoder", "HQ feature", *(p.name for p in PROMPTS), "IoUs"]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    lines = [
        "# Equal numbers at full size",
        "",
        f"This table was made on {datetime.date.today().isoformat()} by `python/parity/parity.py`."
        " Models of the official sizes with seeded random weights were built by the public PyTorch"
        " packages, given prompts there, saved as `.pth`, and given the same prompts by `maskwright"
        f" predict --geometry sam`. The image has {prompts.SIZE[1]} x {prompts.SIZE[0]} pixels."
        " Each number is the largest difference divided by the largest value; for masks it covers"
        " the logits both at the model's and at the image's size."
        f" The tolerance is {TOLERANCE:.0e}.",
        "",
        "| model | mask | " + " | ".join(titles) + " | |",
        "|---|---|" + "---:|" * len(titles) + "---|",
    ]
    for row in rows:
        model, title, found = row
        cells = [f"{found[name]:.0e}" if name in found else "" for name in columns]
        verdict = "equal" if worst(row) <= TOLERANCE else "**differs**"
        lines.append(f"| {model} | {title} | " + " | ".join(cells) + f" | {verdict} |")
    if any("transformers" in row[0] for row in rows):
        lines += ["", TRANSFORMERS]
    if skipped:
        lines += ["", "Not compared:", "", *(f"- {reason}" for reason in skipped)]
    lines += [
        "",
        "`SAM` is the decoder without the HQ token (the packages' `MaskDecoder`). `HQ mask` is"
        " HQ-SAM's `hq_token_only=True`, `SAM + HQ` is its default, and `best of three` is its"
        " `multimask_output=True`, which chooses by predicted IoU.",
        "",
        f"Python {platform.python_version()}, {versions}; CPU, f32.",
        "",
    ]
    return "\n".join(lines)


def kept(page: Path) -> str:
    """The part of the page that the other programs' results were written into by hand."""
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    _, heading, rest = old.partition(OTHERS)
    return heading + rest


def main() -> int:
    """Compare, print and write the page; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--maskwright", type=Path, default=Path("target/release/maskwright"))
    parser.add_argument("--variants", nargs="*", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("--no-transformers", action="store_true")
    parser.add_argument("--output", type=Path)
    flags = parser.parse_args()
    torch.set_num_threads(2)
    rows: list[Row] = []
    skipped: list[str] = []

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as name:
        for variant in flags.variants:
            rows += of_variant(variant, flags.maskwright, Path(name), say)
        for kind in [] if flags.no_transformers else ["SamModel", "SamHQModel"]:
            try:
                rows += of_transformers(kind, flags.maskwright, Path(name), say)
            except ours.RefusedError as error:
                skipped.append(f"transformers {kind}: {error}")
    text = markdown(rows, skipped)
    print(text)
    if flags.output is not None:
        flags.output.write_text(text.rstrip("\n") + "\n" + kept(flags.output), encoding="utf-8")
    return int(any(worst(row) > TOLERANCE for row in rows))


if __name__ == "__main__":
    sys.exit(main())
