"""Trains promptable segmentation models in high quality: SAM with the HQ-SAM head.

``Loader`` makes training batches of images, labels and prompts on threads of its own. ``maskwright.torch`` has
the functions that HQ-SAM's ``train.py`` imports. The command line is ``maskwright``, or ``python -m maskwright``.

``mask`` and ``metrics`` work on lists of masks. ``Predictor`` and ``MaskGenerator`` predict. ``train``, ``evaluate``
and ``convert`` are the command's. ``doctor`` and ``preview`` look at data, ``prep`` and ``Preparer`` prepare them in
shards, and ``open_run`` reads a run's folder.

NumPy alone is needed; PyTorch and Pillow are imported where they are used.
"""

from maskwright import mask, metrics
from maskwright._batch import Batch, Prompt
from maskwright._doctor import Finding, Instance, doctor
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
from maskwright._mask_generator import MaskGenerator
from maskwright._maskwright import __version__
from maskwright._predictor import Predictor
from maskwright._prep import Preparer, prep
from maskwright._preview import Preview, preview
from maskwright._runs import Best, Run, open_run
from maskwright._training import convert, evaluate, train

__all__ = [
    "Batch",
    "Best",
    "DataError",
    "Error",
    "FileError",
    "FileMissingError",
    "Finding",
    "Instance",
    "Loader",
    "MaskGenerator",
    "ModelError",
    "Predictor",
    "Preparer",
    "Preview",
    "Prompt",
    "Run",
    "RunError",
    "SettingError",
    "__version__",
    "convert",
    "doctor",
    "evaluate",
    "mask",
    "metrics",
    "open_run",
    "prep",
    "preview",
    "train",
]
