"""Data prepared in shards, for runs on many machines."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from maskwright import _jobs, _maskwright
from maskwright._errors import RunError, refuse
from maskwright._predictor import Predictor
from maskwright._training import PathLike, as_json, data_of

PAUSE = 0.5
"""Seconds between two looks at a shard that another process makes."""


class Preparer:
    """Data that are opened once, of which shards are made one by one.

    A shard is a tar file of WebDataset's layout, and a ledger with a row for each record. It is
    whole or not there; one that is finished is not made again; one process makes it at a time. Any
    number of processes on any number of machines may make the shards of one folder. A preparer can
    be pickled: what comes out opens the same data.

    >>> preparer = Preparer("photos", "prepared", shards=8, longest_side=1024)  # doctest: +SKIP
    >>> rows = preparer.prepare(0)  # doctest: +SKIP
    """

    def __init__(
        self,
        data: PathLike | Mapping[str, Any],
        output: PathLike,
        *,
        shards: int | None = None,
        per_shard: int | None = None,
        longest_side: int | None = None,
        jpeg_quality: int = 90,
        embeddings: bool = False,
        auto_masks: bool | Mapping[str, Any] = False,
        strict: bool = False,
        checkpoint: PathLike | None = None,
        restore_model: PathLike | None = None,
        threads: int = 0,
        decode_memory: int | None = None,
        **predictor: Any,
    ) -> None:
        """Open data, and make the output folder or compare what it was begun with.

        :param data: a data file, a folder whose layout tells what it is, an annotation file of
            COCO, a tar file of SA-1B, or a dict with the keys of a data file; a dict with ``images``
            alone is a folder of images that have no masks.
        :param output: the folder of the shards.
        :param shards: how many shards the records are divided into.
        :param per_shard: in place of that, how many records a shard has; 1000 if neither is given.
        :param longest_side: images whose longer side has more pixels are shrunk to it, with their
            masks, and stored as JPEG; all others keep their bytes.
        :param jpeg_quality: of those files, 1 to 100.
        :param embeddings: store each image's embedding beside it.
        :param auto_masks: find the masks of everything in each image, in place of the data's own; a
            dict has settings of :class:`MaskGenerator`.
        :param strict: refuse images and masks that are damaged but decodable.
        :param checkpoint: the model for embeddings and masks.
        :param restore_model: tuned tensors (``epoch_N``) to put over it.
        :param threads: that read and check; 0 for as many as the machine runs at once.
        :param decode_memory: bytes that decoding may take at a time, over all threads; a quarter of
            the machine's memory if not given.
        :param predictor: further settings of the :class:`Predictor`.
        :raises maskwright.Error: data that cannot be opened; a folder that was begun with other data
            or settings.
        """
        if shards is not None and per_shard is not None:
            raise refuse("per_shard", "none beside shards", str(per_shard))
        if checkpoint is None and (predictor or restore_model is not None):
            found = ", ".join(sorted([*predictor, *(["restore_model"] if restore_model else [])]))
            raise refuse("checkpoint", f"a checkpoint beside {found}", "None")
        self._settings: dict[str, Any] = {
            "data": data,
            "output": os.fspath(output),
            "shards": shards,
            "per_shard": per_shard,
            "longest_side": longest_side,
            "jpeg_quality": jpeg_quality,
            "embeddings": embeddings,
            "auto_masks": auto_masks,
            "strict": strict,
            "checkpoint": None if checkpoint is None else os.fspath(checkpoint),
            "restore_model": None if restore_model is None else os.fspath(restore_model),
            "threads": threads,
            "decode_memory": decode_memory,
            **predictor,
        }
        config = {
            "longest_side": longest_side,
            "jpeg_quality": jpeg_quality,
            "embeddings": embeddings,
            "auto_masks": _generator(auto_masks),
            "strict": strict,
        }
        model = None
        if checkpoint is not None:
            loaded = Predictor(checkpoint, restore_model=restore_model, **predictor)
            paths = self._settings["checkpoint"], self._settings["restore_model"]
            model = (loaded._model, *paths, loaded.kind)
        images = _images_alone(data)
        self._preparer = _maskwright.Preparer(
            "{}" if images is not None else as_json("data", data_of(data)),
            images,
            os.fspath(output),
            shards,
            per_shard,
            as_json("prep", config),
            model,
            threads,
            decode_memory,
        )

    def __len__(self) -> int:
        """Return how many shards there are."""
        return self._preparer.shards()

    @property
    def records(self) -> int:
        """How many records there are in all shards."""
        return self._preparer.records()

    def prepare(
        self, shard: int, *, wait: float = 0.0, progress: bool | None = None
    ) -> list[dict[str, Any]]:
        """Make a shard, or read the ledger of one that is finished.

        :param shard: its number, from 0.
        :param wait: where another process makes it, seconds to wait for that; a process that was
            killed holds nothing, but it may take its system a while to end it.
        :param progress: show progress bars with tqdm; in notebooks if nothing is said.
        :returns: the ledger, a dict for each record: ``role`` ("train" or "valid"), ``set``,
            ``index``, ``record``, ``name``, ``status`` ("ok", "warned" or "refused"), ``reason``,
            ``checks``, ``key``, ``image`` (its ending), ``height``, ``width``, ``source_height``,
            ``source_width`` in pixels, ``objects``, ``objects_refused``, ``embedding``, ``offset``
            and ``bytes`` in the tar file.
        :raises maskwright.Error: a shard that is not there, or is made by another process; a disk
            that is full. A record that cannot be used is a row.
        """
        until = time.monotonic() + wait
        while True:
            try:
                job = self._preparer.start(shard)
                done = _jobs.run(job, progress=progress)
            except RunError:
                if time.monotonic() >= until:
                    raise
                time.sleep(PAUSE)
            else:
                return [row for part in done for row in part["rows"]]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by what it was made of."""
        return _open, (self._settings,)

    def __repr__(self) -> str:
        """Say what it is."""
        return f"Preparer({self._settings['output']!r}, {len(self)} shards)"


def _open(settings: dict[str, Any]) -> Preparer:
    return Preparer(**settings)


def _generator(auto_masks: bool | Mapping[str, Any]) -> dict[str, Any] | None:
    """Settings of the mask generator; none where it is not asked."""
    if auto_masks is False:
        return None
    settings = {} if auto_masks is True else dict(auto_masks)
    _maskwright.check_generator_settings(as_json("auto_masks", settings))
    plain: dict[str, Any] = json.loads(as_json("auto_masks", settings))
    return plain


def _images_alone(data: Any) -> str | None:
    """Return the folder of images that have no masks."""
    if isinstance(data, Mapping) and set(data) == {"images"}:
        return os.fspath(data["images"])
    return None


def prep(
    data: PathLike | Mapping[str, Any],
    output: PathLike,
    *,
    shard: tuple[int, int] | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> list[dict[str, Any]]:
    """Prepare data in shards: checked, masks as run lengths, as WebDataset.

    :param data: see :class:`Preparer`.
    :param output: the folder of the shards.
    :param shard: ``(i, n)``: make shard ``i`` of ``n`` alone, counted from 0.
    :param progress: show progress bars with tqdm; in notebooks if nothing is said.
    :param settings: those of :class:`Preparer`.
    :returns: the rows of all shards that were made or are finished, as :meth:`Preparer.prepare`
        gives them.
    :raises maskwright.Error: data that cannot be opened, a disk that is full.
    """
    if shard is None:
        preparer = Preparer(data, output, **settings)
        chosen = range(len(preparer))
    else:
        number, count = shard
        if not 0 <= number < count:
            raise refuse("shard", f"0 to {count - 1} of {count}", str(number))
        preparer = Preparer(data, output, shards=count, **settings)
        chosen = range(number, number + 1)
    rows = []
    for one in chosen:
        rows += preparer.prepare(one, progress=progress)
    return rows
