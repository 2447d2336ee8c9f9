"""Hold exported ONNX graphs to maskwright's own predictions, and to HQ-SAM's exporter.

For each official variant a model with seeded random weights is saved, made into ONNX by
``maskwright convert``, checked by ``onnx.checker`` and run by ``onnxruntime`` on one image with
every kind of prompt. Compared are embeddings, mask logits at both sizes and predicted IoUs with
those of ``maskwright predict --geometry sam``, as the largest difference over the largest value.
The masks of HQ-SAM's own export class (``SamOnnxModel``, asked in PyTorch) are compared too: it is
given the very inputs that the graph gets, which shows that what feeds its files feeds ours::

    python onnx_check.py --maskwright ../../target/release/maskwright
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from segment_anything_hq.utils.onnx import SamOnnxModel
from segment_anything_hq.utils.transforms import ResizeLongestSide

import ours
import prompts
import reference
from parity import SEED, TOLERANCE, VARIANTS, difference, worst
from prompts import PROMPTS, Floats, Prompt

PACKAGES = ["onnx", "onnxruntime", "torch", "segment_anything_hq", "numpy", "pillow"]

Feed = dict[str, Floats]

Row = tuple[str, str, dict[str, float]]
"""Model, what it was made into, and the difference of each output."""

COLUMNS = {
    "image_embedding": "encoder",
    "interm_embedding": "HQ feature",
    **{prompt.name: prompt.name for prompt in PROMPTS},
    "iou_predictions": "IoUs",
    "logits": "image's size",
    "together": "two at once",
}
"""What is compared, and the title of its column; under a prompt's name are its low_res_masks."""

MODES: list[tuple[str, list[str], str, bool]] = [
    ("SAM + HQ (default)", [], "sam_hq", False),
    ("SAM + HQ, `--multimask`", ["--multimask"], "sam_hq", True),
    ("HQ, `--kind hq`", ["--kind=hq"], "hq", False),
    ("SAM, `--kind sam`", ["--kind=sam"], "sam", False),
    ("SAM, `--kind sam --multimask`", ["--kind=sam", "--multimask"], "sam", True),
]
"""Title, flags of ``convert``, kind and multimask of ``predict``."""

FEW = MODES[:1]
"""What the large models are asked."""


class Exported:
    """The two graphs of a model, and the image as its encoder has seen it."""

    def __init__(
        self, command: Path, checkpoint: Path, flags: list[str], size: int, encode: bool = True
    ) -> None:
        self.size = size
        path = checkpoint.with_suffix(".onnx")
        arguments = [str(command), "convert", str(checkpoint), str(path), "--force", *flags]
        subprocess.run(arguments, check=True, capture_output=True)
        self.files = sorted(path.parent.glob(f"{path.stem}.*coder.onnx*"))
        decoder, encoder = (path.with_suffix(f".{part}.onnx") for part in ("decoder", "encoder"))
        for part in (encoder, decoder):
            # By path, since the values of a large model lie beside it.
            onnx.checker.check_model(str(part), full_check=True)
        self.decoder = session(decoder)
        self.hq = "interm_embeddings" in [entry.name for entry in self.decoder.get_inputs()]
        self.features: Feed = {}
        self.seconds = 0.0
        if encode:
            encoder_session = session(encoder)
            started = time.monotonic()
            self.features = outputs(encoder_session, {"pixels": self.pixels()})
            self.seconds = time.monotonic() - started

    def scaled(self) -> ResizeLongestSide:
        """Give the predictor's way to bring an image to the input."""
        return ResizeLongestSide(self.size)

    def pixels(self) -> Floats:
        """Give the image as SAM's predictor pads it, before it is normalised."""
        scaled = self.scaled().apply_image(prompts.image(SEED))
        mean = np.array([123.675, 116.28, 103.53], dtype=np.float32)
        square = np.broadcast_to(mean, (self.size, self.size, 3)).copy()
        square[: scaled.shape[0], : scaled.shape[1]] = scaled
        return np.ascontiguousarray(square.transpose(2, 0, 1)[None])

    def feed(self, prompt: Prompt, mask_input: Floats) -> Feed:
        """Give a prompt as clients of SAM's exported decoders do."""
        coords = [p[:2] for p in prompt.points]
        labels = [p[2] for p in prompt.points]
        if prompt.box:
            coords += [(prompt.box[0], prompt.box[1]), (prompt.box[2], prompt.box[3])]
            labels += [2, 3]
        elif coords:
            coords.append((0.0, 0.0))
            labels.append(-1)
        placed = np.array(coords, dtype=np.float64).reshape(-1, 2)
        placed = self.scaled().apply_coords(placed, prompts.SIZE)
        blank = np.zeros_like(mask_input[None])
        feed = {
            "image_embeddings": self.features["image_embeddings"],
            "point_coords": placed.astype(np.float32)[None],
            "point_labels": np.array(labels, dtype=np.float32)[None],
            "mask_input": mask_input[None] if prompt.mask else blank,
            "has_mask_input": np.array([float(prompt.mask)], dtype=np.float32),
            "orig_im_size": np.array(prompts.SIZE, dtype=np.float32),
        }
        if self.hq:
            feed["interm_embeddings"] = self.features["interm_embeddings"]
        return feed

    def predict(self, mask_input: Floats) -> Feed:
        """Ask about every prompt; the names are those of ``maskwright predict``'s file."""
        answers = [outputs(self.decoder, self.feed(prompt, mask_input)) for prompt in PROMPTS]
        found = gathered(answers)
        found["image_embedding"] = self.features["image_embeddings"]
        if self.hq:
            found["interm_embedding"] = self.features["interm_embeddings"][0]
        return found

    def together(self, mask_input: Floats) -> float:
        """Give by how much two prompts at once differ from one after the other."""
        feeds = [self.feed(PROMPTS[place], mask_input) for place in (0, 5)]
        both = dict(feeds[0])
        for name in ("point_coords", "point_labels", "mask_input", "has_mask_input"):
            both[name] = np.concatenate([feed[name] for feed in feeds])
        found = outputs(self.decoder, both)
        single = [outputs(self.decoder, feed) for feed in feeds]
        return max(
            float(abs(found[name][i] - single[i][name][0]).max() / abs(found[name]).max())
            for name in found
            for i in range(2)
        )


def session(path: Path) -> onnxruntime.InferenceSession:
    """Open a graph on two threads of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    # A graph runs once or a few times here: memory kept for the next run is only in the way.
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def outputs(graph: onnxruntime.InferenceSession, feed: Feed) -> Feed:
    """Run a graph; give its outputs by name."""
    names = [entry.name for entry in graph.get_outputs()]
    return dict(zip(names, graph.run(names, feed), strict=True))


def gathered(answers: list[Feed]) -> Feed:
    """Put the answers to all prompts together under the names of ``maskwright predict``'s file."""
    names = {
        "masks": "logits",
        "low_res_masks": "low_res_logits",
        "iou_predictions": "iou_predictions",
    }
    return {
        ours_name: np.concatenate([answer[name] for answer in answers])
        for name, ours_name in names.items()
    }


def compare(found: Feed, expected: Feed) -> dict[str, float]:
    """Compare what both have: the masks of the model's own size prompt by prompt."""
    low = "low_res_logits"
    columns = {
        prompt.name: difference(found[low][place], expected[low][place])
        for place, prompt in enumerate(PROMPTS)
    }
    # By the largest value of each prompt's masks.
    columns["logits"] = max(
        difference(found["logits"][place], expected["logits"][place])
        for place in range(len(PROMPTS))
    )
    for name in ("iou_predictions", "image_embedding", "interm_embedding"):
        if name in expected and name in found:
            columns[name] = difference(found[name], expected[name])
    return columns


def of_package(model: torch.nn.Module, exported: Exported, flags: list[str], mask: Floats) -> Feed:
    """Ask HQ-SAM's export class with the inputs that the graph gets."""
    wrapped: Any = SamOnnxModel(
        model, hq_token_only="--kind=hq" in flags, multimask_output="--multimask" in flags
    )
    answers = []
    for prompt in PROMPTS:
        feed = {k: torch.as_tensor(v) for k, v in exported.feed(prompt, mask).items()}
        with torch.no_grad():
            full, iou, low = wrapped(**feed)
        answers.append(
            {"masks": full.numpy(), "iou_predictions": iou.numpy(), "low_res_masks": low.numpy()}
        )
    return gathered(answers)


def of_variant(variant: str, command: Path, folder: Path) -> Iterator[Row]:
    """Compare one official variant in all modes; the large ones in HQ-SAM's default."""
    model = reference.build(variant, SEED)
    checkpoint = folder / f"sam_hq_{variant}.pth"
    torch.save(model.state_dict(), checkpoint)
    mask_input = prompts.low_res_mask(SEED)
    small = variant in ("vit_tiny", "vit_b")
    if not small:
        del model
    first: Exported | None = None
    for title, flags, kind, multimask in MODES if small else FEW:
        exported = Exported(command, checkpoint, flags, 1024, encode=first is None)
        if first is not None:
            # The encoder is the same.
            exported.features = first.features
        found = exported.predict(mask_input)
        expected = ours.predict(command, checkpoint, folder, kind, multimask, first is None)
        columns = compare(found, expected)
        columns["together"] = exported.together(mask_input)
        yield (variant, title, columns)
        if first is None:
            total = sum(file.stat().st_size for file in exported.files)
            names = ", ".join(file.name for file in exported.files)
            say(f"{variant}: {names}: {total:,} bytes, encoder {exported.seconds:.1f} s")
        first = first or exported
        if small and kind != "sam":
            package = of_package(model, exported, flags, mask_input)
            yield (variant, f"{title}, beside `SamOnnxModel`", compare(found, package))
    if variant == "vit_tiny":
        yield from of_number_types(variant, command, checkpoint, folder, mask_input)
    if variant == "vit_b":
        flags = ["--input-size=512"]
        exported = Exported(command, checkpoint, flags, 512)
        small_mask = np.ascontiguousarray(mask_input[:, ::2, ::2])
        found = exported.predict(small_mask)
        ours.write_prompts(folder, small_mask)
        expected = ours.predict(command, checkpoint, folder, "sam_hq", False, True, flags)
        ours.write_prompts(folder, mask_input)
        yield (variant, "`--input-size 512`", compare(found, expected))
    for file in folder.glob(f"{checkpoint.stem}*"):
        file.unlink()


def of_number_types(
    variant: str, command: Path, checkpoint: Path, folder: Path, mask_input: Floats
) -> Iterator[Row]:
    """Compare weights of half precision, beside a checkpoint of the same rounded weights."""
    for dtype in ("f16", "bf16"):
        rounded = checkpoint.with_suffix(f".{dtype}.safetensors")
        arguments = [str(command), "convert", str(checkpoint), str(rounded), f"--dtype={dtype}"]
        subprocess.run(arguments, check=True, capture_output=True)
        exported = Exported(command, checkpoint, [f"--dtype={dtype}"], 1024)
        found = exported.predict(mask_input)
        expected = ours.predict(command, rounded, folder, "sam_hq", False, True)
        yield (variant, f"`--dtype {dtype}`", compare(found, expected))


def say(text: str) -> None:
    """Tell how it goes."""
    print(text, file=sys.stderr, flush=True)


def markdown(rows: list[Row]) -> str:
    """Give the table."""
    lines = [
        "| model | made into | " + " | ".join(COLUMNS.values()) + " | |",
        "|---|---|" + "---:|" * len(COLUMNS) + "---|",
    ]
    for model, title, found in rows:
        cells = [f"{found[name]:.0e}" if name in found else "" for name in COLUMNS]
        verdict = "equal" if worst((model, title, found)) <= TOLERANCE else "**differs**"
        lines.append(f"| {model} | {title} | " + " | ".join(cells) + f" | {verdict} |")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    today = datetime.date.today().isoformat()
    lines += ["", f"{today}, Python {platform.python_version()}, {versions}; CPU, f32."]
    return "\n".join(lines)


def main() -> int:
    """Compare and print the table; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--maskwright", type=Path, default=Path("target/release/maskwright"))
    parser.add_argument("--variants", nargs="*", default=VARIANTS, choices=VARIANTS)
    flags = parser.parse_args()
    torch.set_num_threads(2)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.fromarray(prompts.image(SEED)).save(folder / "image.png")
        ours.write_prompts(folder, prompts.low_res_mask(SEED))
        for variant in flags.variants:
            for row in of_variant(variant, flags.maskwright, folder):
                rows.append(row)
                say(f"{row[0]}, {row[1]}: {worst(row):.1e}")
    print(markdown(rows))
    return int(any(worst(row) > TOLERANCE for row in rows))


if __name__ == "__main__":
    sys.exit(main())
