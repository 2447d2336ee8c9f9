"""Trains promptable segmentation models in high quality: SAM with the HQ-SAM head.

``Loader`` makes training batches of images, labels and prompts on threads of its own. ``maskwright.torch`` has
the functions that HQ-SAM's ``train.py`` imports. The command line is ``maskwright``, or ``python -m maskwright``.

NumPy alone is needed; PyTorch and Pillow are imported where they are used.
"""

from maskwright._batch import Batch, Prompt
from maskwright._errors import (
    DataError,
    Error,
    FileError,
    FileMissingError,
    ModelError,
    RunError,
    SettingError,
)
from maskwright._loader import Loader
from maskwright._maskwright import __version__

__all__ = [
    "Batch",
    "DataError",
    "Error",
    "FileError",
    "FileMissingError",
    "Loader",
    "ModelError",
    "Prompt",
    "RunError",
    "SettingError",
    "__version__",
]
