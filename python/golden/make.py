"""Make the golden cases that are in the repository: seeded inputs, and what PyTorch makes of them.

Each kind lies beside the crate that is held to it, with a README that says what made it::

    python python/golden/make.py            # all of it, in seconds
    python python/golden/make.py --output DIR

PyTorch runs with one thread, as in a data loader's worker: then its kernels of resizing are those
that maskwright follows in every bit.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
from pathlib import Path

import torch

import average_precision
import clicks
import learning
import loss
import model
import sampling
import wrapped

SEED = 20_261_130
PACKAGES = [
    "torch",
    "segment_anything_hq",
    "timm",
    "numpy",
    "opencv-python-headless",
    "pycocotools",
]
REFERENCE = "SysCV/sam-hq, commit fb181f8"
"""Whose training steps the cases of sampling, prompts, loss and metrics follow."""

IMAGE, DATA, MODEL, TRAIN = (f"maskwright-{name}" for name in ("image", "data", "model", "train"))

TEXTS = {
    IMAGE: """\
| file | what goes in | what must come out |
|---|---|---|
| `geometry/jitter_*` | `source_image` u8 HWC, `source_label` u8 HW; the output's `size`, `flip` \
(before the jitter), `rand` (becomes the scale 0.1 + rand * 1.9), `offset_h`, `offset_w` | \
`image_f32` CHW padded with 128, `label_f32` padded with 0 |
| `geometry/resize_*` | the same sources, `size` [h, w] | `image_f32`, `label_f32` |
| `metrics/case_*` | `logits` 11HW, `label_u8` HW | `iou`, `boundary_iou` of the logits at the \
label's size |
| `clicks/case_*` | `truth_i8` HW (1 object, 0 not, -1 not judged), `predictions_u8` KHW: what \
was said before each click | `clicks_y_x_positive` K3: the next click each time, earlier ones \
counting as clicked |
| `average_precision/case.json` | COCO's `images`, `categories`, `annotations`; detections `found` \
with masks and scores | `figures`: the twelve of `COCOeval`, by masks and by boundaries |

The cases of geometry are what the tests of `maskwright-data` read, too. Truncated to u8, every
byte must be equal.
""",
    DATA: """\
| file | what goes in | what must come out |
|---|---|---|
| `prompts/labels_*` | `label_f32` N1HW in 0..255, normal `noise` N1SS | `box_xyxy` (label > 128, \
inclusive pixel indices), `label_small_f32` N1SS, `noise_mask_255`, all in every bit |

The cases of geometry lie beside `maskwright-image`.
""",
    MODEL: """\
| file | what goes in | what must come out |
|---|---|---|
| `small_sam_hq` | a SAM-HQ with the official key names: 64-pixel input, ViT of depth 4 and width \
32, 4 heads, window 3, global blocks 1 and 3, decoder of 32 channels | |
| `small_forward` | `images_u8`, a prompt of each kind and all kinds at once | normalised input, \
embeddings, all masks and IoUs, each output mode, masks at another size |
| `small_train_steps` | `stepK.points`: loss points of Adam steps of the HQ head | losses of each \
step, `grad.*` at step 0, `after5.*` parameters |
| `tiny_vit`, `tiny_vit_forward` | a narrow TinyViT, `image_u8` | every fifth row and column \
of the embeddings at the official 1024 pixels |
| `pickled` | PyTorch's own format: types, views of one storage | the same as safetensors |
| `training`, `training_legacy` | a model beside an optimizer and objects of many classes | the \
three tensors of the model |
| `module`, `module_inside`, `module_legacy`, `script` | modules that were pickled whole, and a \
program of TorchScript | refused, with the line that saves their tensors |

The training steps are what the tests of `maskwright-train` read, too.
""",
    TRAIN: """\
| file | what goes in | what must come out |
|---|---|---|
| `loss/case_*` | `logits`, `target` in 0..1, the uniform draws `oversampled_coords` and \
`random_coords` | `loss_mask`, `loss_dice`, and `grad_logits` of their sum |
| `terms/terms` | `logits`, `target` in 0..1, `points` | `focal`, `boundary`, and the gradient of \
each |
| `learning/adamw_*` | `start.*`, `gradK.*` of every update; rate, decay, decay by layers, largest \
norm | `norms` before clipping, `afterK.*` |
| `learning/rates` | base rate, epochs, updates per epoch | `RULE_WARMUP`: the rate of every \
update |

The training steps lie beside `maskwright-model`.
""",
}


def readme(text: str) -> str:
    """Say what a folder holds and what made it."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    made = (
        f"Made by `python/golden/make.py` (seed {SEED}) with Python {platform.python_version()},"
        f" {versions}, on the CPU with one thread. Where a step is HQ-SAM's own, it follows"
        f" {REFERENCE}. Files are safetensors; values of metadata are JSON."
    )
    return f"# Golden cases\n\n{made}\n\n{text}"


def main() -> None:
    """Make all cases."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    crates = Path(__file__).resolve().parents[2] / "crates"
    parser.add_argument("--output", type=Path, default=crates, help="a folder of crates")
    output = parser.parse_args().output
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    folders = {crate: output / crate / "tests" / "golden" for crate in TEXTS}
    sampling.geometry(folders[IMAGE] / "geometry", SEED)
    sampling.metrics(folders[IMAGE] / "metrics", SEED)
    clicks.cases(folders[IMAGE] / "clicks", SEED)
    average_precision.case(folders[IMAGE] / "average_precision" / "case.json", SEED)
    sampling.prompts(folders[DATA] / "prompts", SEED)
    loss.cases(folders[TRAIN] / "loss", SEED)
    loss.term_cases(folders[TRAIN] / "terms", SEED)
    learning.updates(folders[TRAIN] / "learning", SEED)
    learning.schedules(folders[TRAIN] / "learning", SEED)
    model.forward(folders[MODEL], SEED)
    model.steps(folders[MODEL], SEED)
    model.tiny_vit(folders[MODEL], SEED)
    model.pickled(folders[MODEL])
    wrapped.wrapped(folders[MODEL])
    for crate, folder in folders.items():
        (folder / "README.md").write_text(readme(TEXTS[crate]), encoding="utf-8")
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"{folder}: {size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
