"""Cases of geometry, prompts and metrics, computed by PyTorch's own functions with one thread.

The steps are those of HQ-SAM's training as its paper and code describe them (large scale jitter
after Ghiasi et al. 2021; boundary IoU after Cheng et al. 2021), in f32, written anew.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own custom)

from cases import mask, picture, save, smooth

SCALE_MIN, SCALE_MAX = 0.1, 2.0
THRESHOLD = 128
"""A label above this is foreground."""
BOUNDARY_SHARE = 0.02
"""Width of the judged boundary, as a share of the image's diagonal."""

JITTERS = [
    # height, width, output, flip, rand, share of the row margin, share of the column margin
    (37, 53, 32, False, 0.35, 0.0, 0.0),
    (37, 53, 32, True, 0.81, 0.5, 0.3),
    (53, 37, 32, False, 0.0, 0.0, 0.0),
    (53, 37, 32, True, 0.999, 1.0, 1.0),
    (24, 91, 40, True, 0.62, 0.2, 0.9),
    (31, 31, 32, False, 0.47368422, 0.0, 0.0),
    # Scaled height and width together above 128: PyTorch has another kernel from there on, which
    # it takes with more than one thread.
    (45, 61, 40, False, 1.0, 0.7, 0.4),
    (61, 49, 42, True, 0.9, 0.1, 0.6),
]
RESIZES = [
    # height, width, rows, columns
    (37, 53, 24, 32),
    (53, 37, 24, 40),
    (29, 41, 93, 36),
]


def resize(tensor: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Resize ``[c, h, w]`` bilinearly: pixel centres at halves, no antialiasing."""
    return F.interpolate(tensor[None], (rows, columns), mode="bilinear", align_corners=False)[0]


def sources(rng: np.random.Generator, height: int, width: int) -> dict[str, torch.Tensor]:
    """Make an image and its mask."""
    return {
        "source_image": torch.from_numpy(picture(rng, height, width)),
        "source_label": torch.from_numpy(mask(rng, height, width)),
    }


def floats(case: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """Give image and mask as f32 ``[c, h, w]``."""
    image = case["source_image"].permute(2, 0, 1).float()
    return [image, case["source_label"][None].float()]


def jitter_sizes(height: int, width: int, output: int, rand: float) -> tuple[int, int]:
    """Give the scaled size, from the uniform draw ``rand``, in f32 with ties to even."""
    span = np.float32(SCALE_MAX - SCALE_MIN)
    scale = torch.tensor(np.float32(rand) * span + np.float32(SCALE_MIN))
    longest = (scale * output).round()
    sides = torch.tensor([height, width], dtype=torch.float32)
    ratio = torch.minimum(longest / sides[0], longest / sides[1])
    scaled = (sides * ratio).round().long().tolist()
    return scaled[0], scaled[1]


def geometry(folder: Path, seed: int) -> None:
    """Write the cases of jitter and of plain resizing."""
    for number, (height, width, output, flip, rand, down, right) in enumerate(JITTERS):
        case = sources(np.random.default_rng([seed, 1, number]), height, width)
        rows, columns = jitter_sizes(height, width, output, rand)
        top = int(down * max(rows - output, 0))
        left = int(right * max(columns - output, 0))
        for name, tensor, pad in zip(
            ["image_f32", "label_f32"], floats(case), [128.0, 0.0], strict=True
        ):
            turned = tensor.flip(2) if flip else tensor
            seen = resize(turned, rows, columns)[:, top : top + output, left : left + output]
            missing = [0, output - seen.shape[2], 0, output - seen.shape[1]]
            case[name] = F.pad(seen, missing, value=pad)
        save(
            folder / f"jitter_{height}x{width}_{number}.safetensors",
            case,
            threads=torch.get_num_threads(),
            size=output,
            flip=flip,
            rand=float(np.float32(rand)),
            offset_h=top,
            offset_w=left,
            aug_scale_min=SCALE_MIN,
            aug_scale_max=SCALE_MAX,
        )
    for number, (height, width, rows, columns) in enumerate(RESIZES):
        case = sources(np.random.default_rng([seed, 2, number]), height, width)
        for name, tensor in zip(["image_f32", "label_f32"], floats(case), strict=True):
            case[name] = resize(tensor, rows, columns)
        path = folder / f"resize_{height}x{width}_to_{rows}x{columns}.safetensors"
        save(path, case, threads=torch.get_num_threads(), size=[rows, columns])


def tight_box(label: torch.Tensor) -> torch.Tensor:
    """Give x0, y0, x1, y1 of a label ``[h, w]``'s foreground, inclusive pixel indices."""
    rows, columns = torch.nonzero(label > THRESHOLD, as_tuple=True)
    corners = [columns.min(), rows.min(), columns.max(), rows.max()]
    return torch.stack(corners).float()


def prompts(folder: Path, seed: int) -> None:
    """Write the cases of boxes and noise masks.

    A noise mask is the label at its own size, and where making it eight times smaller and larger
    again changes it by 0.01 or more, which is along the boundary, normal noise is added.
    """
    for number, (height, width, side) in enumerate([(40, 48, 48), (45, 36, 24), (33, 33, 32)]):
        rng = np.random.default_rng([seed, 3, number])
        label = torch.stack([floats(sources(rng, height, width))[1] for _ in range(2)])
        noise = torch.from_numpy(rng.standard_normal((2, 1, side, side)).astype(np.float32))

        def to(tensor: torch.Tensor, size: int) -> torch.Tensor:
            return F.interpolate(tensor, (size, size), mode="bilinear", align_corners=False)

        small = to(label, side)
        coverage = small / 255
        recovered = to(to(coverage, side // 8), side)
        boundary = ((coverage - recovered).abs() >= 0.01).float()
        noisy = (coverage + noise * boundary > 0.5).float() * 255
        case = {
            "label_f32": label,
            "noise": noise,
            "box_xyxy": torch.stack([tight_box(one[0]) for one in label]),
            "label_small_f32": small,
            "noise_mask_255": noisy,
        }
        save(folder / f"labels_{number}.safetensors", case, threads=torch.get_num_threads())


def boundary(inside: torch.Tensor) -> torch.Tensor:
    """Give the pixels of a mask ``[h, w]`` near its boundary; beyond the image is outside."""
    height, width = inside.shape
    reach = max(round(BOUNDARY_SHARE * float(np.hypot(height, width))), 1)
    ringed = np.pad(inside.numpy().astype(np.uint8), 1)
    core = cv2.erode(ringed, np.ones((3, 3), np.uint8), iterations=reach)[1:-1, 1:-1]
    return inside & ~torch.from_numpy(core.astype(bool))


def iou(a: torch.Tensor, b: torch.Tensor) -> float:
    """Give the intersection over union, in f32."""
    return float(((a & b).sum() / (a | b).sum()).float())


def metrics(folder: Path, seed: int) -> None:
    """Write the cases of IoU and boundary IoU, of logits brought to the label's size."""
    sizes = [(16, 16, 33, 41), (24, 24, 90, 60), (32, 32, 64, 64), (20, 20, 20, 20)]
    for number, (rows, columns, height, width) in enumerate(sizes):
        rng = np.random.default_rng([seed, 4, number])
        field = smooth(rng, height, width)
        label = np.where(field > 0.2, 255, 0).astype(np.uint8)
        near = torch.from_numpy(field - 0.15 + 0.2 * rng.standard_normal((height, width)))
        logits = F.interpolate(near[None, None].float(), (rows, columns), mode="area")
        seen = resize(logits[0], height, width)[0] > 0
        truth = torch.from_numpy(label) > THRESHOLD
        save(
            folder / f"case_{number}.safetensors",
            {"logits": logits, "label_u8": torch.from_numpy(label)},
            iou=iou(seen, truth),
            boundary_iou=iou(boundary(seen), boundary(truth)),
        )
