"""All opponents, in the order of the tables."""

from __future__ import annotations

from importlib import import_module

import cv2
import torch

from opponent import NotAvailableError, Opponent

CLASSES = {
    "hq_sam": ("hq_sam", "HqSam"),
    "dali": ("dali", "Dali"),
    "torchvision_v2": ("torchvision_v2", "TorchvisionV2"),
    "opencv": ("opencv", "OpenCv"),
    "opencv_warp": ("opencv", "OpenCvWarp"),
    "simplejpeg_warp": ("simplejpeg_warp", "SimplejpegWarp"),
    "simplejpeg_warp_png": ("simplejpeg_warp", "SimplejpegWarpPng"),
    "decode_only": ("decode_only", "DecodeOnly"),
}
"""Module and class of each opponent."""

BASELINE = "hq_sam"
YARDSTICK = "decode_only"
UNRATED = {YARDSTICK, "simplejpeg_warp_png"}
"""Rows that are no opponents from Python: no sample, and a decoder that we compile."""


def load(name: str) -> type[Opponent]:
    """Import an opponent; `NotAvailableError` where a package it needs is missing."""
    module_name, class_name = CLASSES[name]
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise NotAvailableError(str(error)) from error
    opponent: type[Opponent] = getattr(module, class_name)
    return opponent


def one_thread() -> None:
    """Keep PyTorch and OpenCV to the calling thread."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
