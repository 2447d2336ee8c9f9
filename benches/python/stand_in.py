"""Empty modules in the place of torchvision, where it is missing.

``segment_anything_hq`` names it when it is imported: for resizing images and for suppressing double
boxes. A training step does neither.
"""

from __future__ import annotations

import importlib.util
import sys
import types

NAMES = {
    "torchvision": [],
    "torchvision.ops": [],
    "torchvision.ops.boxes": ["batched_nms", "box_area"],
    "torchvision.transforms": [],
    "torchvision.transforms.functional": ["resize", "to_pil_image"],
}


def torchvision() -> None:
    """Put them there, unless the real one can be had."""
    if importlib.util.find_spec("torchvision") is not None:
        return
    for name, functions in NAMES.items():
        module = types.ModuleType(name)
        for function in functions:
            setattr(module, function, None)
        sys.modules[name] = module
