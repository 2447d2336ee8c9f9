"""What HQ-SAM's ``train.py`` imports from its ``utils.dataloader``, made by maskwright's loader.

::

    from maskwright.torch import (
        LargeScaleJitter, RandomHFlip, Resize, create_dataloaders, get_im_gt_name_dict
    )

The rest of the script stays as it is. Masks are read by stated rules and crops that show no object are
drawn again, as everywhere in maskwright; ``docs/python.md`` says how the samples differ from the script's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maskwright._errors import refuse
from maskwright._script_files import get_im_gt_name_dict
from maskwright._script_loaders import EvalDataLoader, TrainDataLoader
from maskwright._script_transforms import (
    LargeScaleJitter,
    RandomHFlip,
    Resize,
    size_of,
    split_transforms,
)

__all__ = [
    "LargeScaleJitter",
    "RandomHFlip",
    "Resize",
    "create_dataloaders",
    "get_im_gt_name_dict",
]


def create_dataloaders(
    name_im_gt_list: Sequence[dict[str, Any]],
    my_transforms: Sequence[Any] = (),
    batch_size: int = 1,
    training: bool = False,
    *,
    threads: int | None = None,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Make one loader for training on all data sets, or a list of one for each to evaluate.

    ``my_transforms`` are those of this module, in the order of the script; other callables that follow them
    get each sample's dict, as in the script. Processes are those of ``torch.distributed`` where it is
    initialised. ``seed`` is by default that of ``torch.manual_seed``, of rank 0.

    The loader for training gives dicts of ``imidx`` int64 ``[b]``, ``image`` float32 ``[b, 3, h, w]``, ``label``
    float32 ``[b, 1, h, w]``, both 0..255, and ``shape`` int64 ``[b, 2]``; ``loader.batch_sampler.sampler.set_epoch``
    chooses the epoch. Those for evaluation also give ``ori_label`` uint8 ``[b, 1, H, W]``, 0 or 255 at the
    image's own size, and the lists ``ori_im_path`` and ``ori_gt_path``.

    Returns the loaders and the data sets, which know their length.
    """
    if not name_im_gt_list:
        return [], []
    ours, others = split_transforms(my_transforms)
    size = size_of(ours)
    if training:
        loader = TrainDataLoader(name_im_gt_list, ours, others, size, batch_size, threads, seed)
        return loader, loader.dataset
    if not all(isinstance(each, Resize) for each in ours):
        found = ", ".join(type(each).__name__ for each in ours)
        raise refuse("my_transforms of an evaluation", "Resize", found)
    loaders = [EvalDataLoader(each, others, size, batch_size, threads) for each in name_im_gt_list]
    return loaders, [loader.dataset for loader in loaders]
