"""Checkpoints as training programs leave them: objects beside the tensors, and whole modules.

Small, and of PyTorch's own making. OmegaConf is no requirement here: objects of a class with its
name stand in for its own, which a reader that builds nothing cannot tell apart.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import pathlib
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import torch


class Tiny(torch.nn.Module):
    """A module with one parameter."""

    def __init__(self) -> None:
        """Give it values that are known."""
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(4, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply."""
        return x * self.weight


def _without_place(pickled: bytes) -> bytes:
    """Return a legacy file that names this file without the folder it lies in."""

    def text(value: str) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    return pickled.replace(text(__file__), text(Path(__file__).name))


def _leave_debugging_out(path: Path) -> None:
    """Write a program anew without what names the place of its source."""
    with zipfile.ZipFile(path) as archive:
        files = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for info, content in files:
            if not info.filename.endswith(".debug_pkl"):
                archive.writestr(info, content)


def _omegaconf() -> object:
    """Return an object of a class that is named as OmegaConf's dictionaries are."""
    module = types.ModuleType("omegaconf.dictconfig")
    kind = type("DictConfig", (), {"__module__": module.__name__})
    module.__dict__["DictConfig"] = kind
    sys.modules["omegaconf"] = types.ModuleType("omegaconf")
    sys.modules[module.__name__] = module
    config = kind()
    config.__dict__.update(_metadata=None, _content={"lr": 1e-3, "tensor": torch.zeros(2)})
    return config


def _training() -> dict[str, object]:
    parameter = torch.nn.Parameter(torch.arange(6, dtype=torch.float32).reshape(2, 3))
    marked = torch.nn.Parameter(torch.tensor([0.5, -1.5]))
    marked.is_tuned = True  # an attribute of its own: PyTorch stores it with the parameter
    optimizer = torch.optim.AdamW([parameter])
    (parameter**2).sum().backward()
    optimizer.step()
    with torch.no_grad():
        parameter.copy_(torch.arange(6, dtype=torch.float32).reshape(2, 3))
    losses: dict[str, list[float]] = collections.defaultdict(list)
    losses["train"].append(0.25)
    model = {
        "sam.image_encoder.neck.0.weight": parameter,
        "sam.prompt_encoder.no_mask_embed.weight": torch.full((1, 2), 7.0),
        "sam.mask_decoder.iou_token.weight": marked,
    }
    return {
        "iteration": np.int64(12),
        "best_metric": np.float64(0.5),
        "history": np.arange(3),
        "args": argparse.Namespace(lr=1e-3, device=torch.device("cpu"), dtype=torch.float32),
        "config": _omegaconf(),
        "date": datetime.datetime(2026, 11, 30, 12, 0, tzinfo=datetime.UTC),
        "folder": pathlib.PurePosixPath("runs/1"),
        "losses": losses,
        "counts": collections.Counter(["leaf", "leaf"]),
        "seen": {1, 2},
        "recent": collections.deque([1.0], maxlen=4),
        "rng": torch.arange(8, dtype=torch.uint8),
        "optimizer_state": optimizer.state_dict(),
        "model_state": collections.OrderedDict(model),
    }


def wrapped(folder: Path) -> None:
    """Write a training checkpoint, a whole module by itself and in a dictionary, and a program."""
    training = _training()
    torch.save(training, folder / "training.pth")
    torch.save(training, folder / "training_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(Tiny(), folder / "module.pth")
    torch.save({"epoch": 3, "model": Tiny()}, folder / "module_inside.pth")
    legacy = folder / "module_legacy.pth"
    torch.save(Tiny(), legacy, _use_new_zipfile_serialization=False)
    legacy.write_bytes(_without_place(legacy.read_bytes()))
    script = folder / "script.pt"
    torch.jit.save(torch.jit.script(Tiny()), script)
    _leave_debugging_out(script)
