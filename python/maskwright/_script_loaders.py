"""The loaders that HQ-SAM's script goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from maskwright import _maskwright
from maskwright._batch import Batch
from maskwright._errors import refuse
from maskwright._loader import Loader, count
from maskwright._script_files import Files
from maskwright._script_transforms import Ours, Sample


class Sampler:
    """What the script chooses the epoch by."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next pass goes through."""
        self._loader.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._loader)


class BatchSampler:
    """What the script reaches the sampler by."""

    def __init__(self, loader: Loader, batch_size: int) -> None:
        self.sampler = Sampler(loader)
        self.batch_size = batch_size
        self.drop_last = True

    def __len__(self) -> int:
        return len(self.sampler)


class TrainDataLoader:
    """Batches of all data sets, in an order that every epoch draws anew."""

    def __init__(
        self,
        sets: Sequence[dict[str, Any]],
        ours: Sequence[Ours],
        others: Sequence[Callable[[Sample], Sample]],
        size: int,
        batch_size: int,
        threads: int | None,
        seed: int | None,
    ) -> None:
        self.dataset = Files(sets)
        self.batch_size = batch_size
        rank, world_size = processes()
        data: dict[str, Any] = {}
        for number, (name, images, masks) in enumerate(self.dataset.sets):
            data[f"{name} {number}" if name in data else name] = (images, masks)
        self.loader = Loader(
            data,
            batch_size=batch_size,
            input_size=size,
            seed=shared_seed() if seed is None else seed,
            rank=rank,
            world_size=world_size,
            threads=threads,
            plan={"transforms": [each.step() for each in ours]},
            # The script makes its own prompts of the labels.
            prompts={"kinds": {"box": 1, "points": 0, "noise_mask": 0}},
        )
        self.batch_sampler = BatchSampler(self.loader, batch_size)
        self._others = others
        self._starts = self.dataset.starts()

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Sample]:
        for batch in self.loader:
            yield transformed(self._sample(batch), self._others)

    def _sample(self, batch: Batch) -> Sample:
        """Make a batch what the script reads."""
        images, labels = batch.to_torch()
        sets = np.searchsorted(self._starts, batch.records, side="right") - 1
        sides = [list(images.shape[2:])] * len(images)
        return {
            "imidx": torch.from_numpy(batch.records - self._starts[sets]),
            "image": images.float(),
            "label": labels[:, None],
            "shape": torch.tensor(sides),
        }

    def state_dict(self) -> dict[str, int]:
        """Give the place, see ``maskwright.Loader.state_dict``."""
        return self.loader.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a place."""
        self.loader.load_state_dict(state)


class EvalDataLoader:
    """The samples of one data set in its order; of several processes each has its share, and no record comes twice."""

    def __init__(
        self,
        files: dict[str, Any],
        others: Sequence[Callable[[Sample], Sample]],
        size: int,
        batch_size: int,
        threads: int | None,
    ) -> None:
        self.dataset = Files([files])
        self.batch_size = count("batch_size", batch_size, 1)
        self._others, self._size, self._threads = others, size, threads
        self._rank, self._world_size = processes()

    def __len__(self) -> int:
        own = len(range(self._rank, len(self.dataset), self._world_size))
        return -(-own // self.batch_size)

    def __iter__(self) -> Iterator[Sample]:
        sets = _maskwright.Sets.files(self.dataset.sets, True)
        place = (self._rank, self._world_size)
        native = _maskwright.EvalLoader(sets, 0, self._size, *place, self._threads)
        try:
            samples: list[Sample] = []
            while (parts := native.next()) is not None:
                samples.append(self._sample(*parts))
                if len(samples) == self.batch_size:
                    yield transformed(collated(samples), self._others)
                    samples = []
            if samples:
                yield transformed(collated(samples), self._others)
        finally:
            native.close()

    def _sample(
        self,
        image: npt.NDArray[np.uint8],
        label: npt.NDArray[np.float32],
        truth: npt.NDArray[np.bool_],
        _name: str,
        _set: str,
        record: int,
    ) -> Sample:
        """Make a sample what the script reads, without the axis of the batch."""
        _, images, masks = self.dataset.sets[0]
        return {
            "imidx": torch.tensor(record),
            "image": torch.from_numpy(image).float(),
            "label": torch.from_numpy(label)[None],
            "shape": torch.tensor(label.shape),
            "ori_label": torch.from_numpy(truth)[None].to(torch.uint8) * 255,
            "ori_im_path": images[record],
            "ori_gt_path": masks[record],
        }


def collated(samples: Sequence[Sample]) -> Sample:
    """Put samples together into a batch."""
    sizes = {tuple(each["ori_label"].shape[1:]) for each in samples if "ori_label" in each}
    if len(sizes) > 1:
        found = " and ".join(f"{width} x {height}" for height, width in sorted(sizes)[:2])
        expected = (
            "images of one size in a batch, or batch_size = 1, since ori_label is of their own size"
        )
        raise refuse("an evaluation", expected, f"{found} (width x height)")
    return {
        key: torch.stack([each[key] for each in samples])
        if isinstance(value, torch.Tensor)
        else [each[key] for each in samples]
        for key, value in samples[0].items()
    }


def transformed(batch: Sample, others: Sequence[Callable[[Sample], Sample]]) -> Sample:
    """Apply the script's own transforms, which take samples one by one."""
    if not others:
        return batch
    samples = []
    for number in range(len(batch["imidx"])):
        sample = {key: value[number] for key, value in batch.items()}
        for each in others:
            sample = each(sample)
        samples.append(sample)
    return collated(samples)


def processes() -> tuple[int, int]:
    """Rank and number of processes of ``torch.distributed``."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def shared_seed() -> int:
    """Take PyTorch's seed, of all processes that of the first: they share one order."""
    seeds = [torch.initial_seed()]
    if processes()[1] > 1:
        torch.distributed.broadcast_object_list(seeds, src=0)
    return int(seeds[0]) % (1 << 63)
