"""How a golden case is written, and the seeded inputs that several kinds of case share.

A case is a safetensors file: named tensors, and metadata whose values are JSON.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

U8 = npt.NDArray[np.uint8]

TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int8: "I8",
    torch.uint8: "U8",
}
"""What safetensors calls them."""


def save(path: Path, tensors: dict[str, torch.Tensor], **metadata: object) -> None:
    """Write a case, the same bytes each time; tensors of any strides, metadata of any JSON value.

    The package that reads these files writes their metadata in any order.
    """
    header: dict[str, object] = {
        "__metadata__": {name: json.dumps(value) for name, value in sorted(metadata.items())}
    }
    data = b""
    # Wide numbers first, so that all are aligned.
    for name in sorted(tensors, key=lambda name: (-tensors[name].element_size(), name)):
        tensor = tensors[name].detach().contiguous()
        values = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(values)],
        }
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def picture(rng: np.random.Generator, height: int, width: int) -> U8:
    """Give an RGB image ``[h, w, 3]``: waves, coarse blocks, and noise of some pixels."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range(3):
        fy, fx, phase = rng.uniform(0.05, 0.9, 3)
        wave = 110 + 90 * np.sin(fy * y + fx * x + 6 * phase)
        block = 40 * ((y // 7 + x // 5) % 2)
        planes.append(wave + block + rng.integers(-25, 26, (height, width)))
    pixels: U8 = np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)
    return pixels


def mask(rng: np.random.Generator, height: int, width: int) -> U8:
    """Give a mask ``[h, w]`` of 0 and 255: a disc, a bar and holes, with a few grey pixels."""
    y, x = np.mgrid[0:height, 0:width]
    centre = rng.uniform(0.3, 0.7, 2) * (height, width)
    radius = rng.uniform(0.2, 0.4) * min(height, width)
    inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
    inside |= np.abs(y - x * height / width) < 1.5
    inside &= rng.random((height, width)) > 0.02
    values = np.where(inside, 255, 0)
    grey = rng.random((height, width)) < 0.02
    return np.where(grey, rng.integers(1, 255, (height, width)), values).astype(np.uint8)


def smooth(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[np.float64]:
    """Give a field ``[h, w]`` of mean 0 and deviation about 1 that changes slowly."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    field = np.zeros((height, width))
    for _ in range(6):
        fy, fx, phase = rng.uniform(-12, 12, 3)
        field += np.sin(fy * y + fx * x + phase)
    return np.asarray(field / np.sqrt(3))
