"""Reading a run's folder while it trains, or afterwards."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from maskwright import _maskwright
from maskwright._errors import refuse
from maskwright._training import PathLike

Columns = dict[str, npt.NDArray[Any]]
"""Columns of one length by their names, as pandas and polars take them."""


@dataclass(frozen=True)
class Best:
    """The best epoch of a run, by what its settings say."""

    epoch: int
    """From 0."""
    metric: str
    """What it is best by."""
    value: float
    """The metric's value."""


class Run:
    """A training run's folder."""

    folder: str
    """Its path."""
    config: dict[str, Any]
    """The settings, defaults included, as in ``config.toml``."""
    best: Best | None
    """The epoch with the best validation; none if nothing was validated."""
    verdict: dict[str, Any] | None
    """Whether it got better: ``best_epoch``, ``best``, ``last_epoch``, ``last``, ``before`` (the model
    as it came), ``better``, ``best_by``; none if nothing was validated."""
    model: str | None
    """The model to use: the file of the best epoch, or else the newest."""
    checkpoint: str | None
    """The newest file of the whole model."""
    average: str | None
    """The newest file of the whole model with averaged weights."""
    validation: dict[str, Any] | None
    """The last validation, image by image: ``epoch``, ``sets``, ``images``, ..."""

    def __init__(self, folder: str, content: dict[str, Any]) -> None:
        """Keep what the folder holds."""
        self.folder = folder
        self.config = content["config"]
        self.best = None if content["best"] is None else Best(**content["best"])
        self.verdict, self.model = content["verdict"], content["model"]
        self.checkpoint, self.average = content["checkpoint"], content["average"]
        self.validation = content["validation"]
        self._log: list[dict[str, Any]] = content["log"]

    def metrics(self, kind: Literal["before", "step", "epoch", "validation"] = "step") -> Columns:
        """Return what the run logged, as columns of one length.

        ``pandas.DataFrame(run.metrics())`` and ``polars.DataFrame(run.metrics())`` are tables of
        them.

        :param kind: "step": a row for each logged step (``epoch``, ``step``, ``global_step``,
            ``loss`` and its terms, ``learning_rate``, ``images_per_second``). "epoch": a row for
            each epoch (means over it, ``seconds``). "validation": a row for each epoch, set, prompt
            and mask (``iou``, ``boundary_iou``, ``predicted_iou``, 0 to 1; ``averaged``: whether it
            is that of the averaged weights). "before": the same of the model as it came, without
            ``epoch``.
        :returns: int64, float64 (NaN where there is no value), bool or text columns.
        """
        of_kind = "epoch" if kind == "validation" else kind
        lines = [line for line in self._log if line["kind"] == of_kind]
        if kind in ("before", "validation"):
            return _columns(_scores(lines))
        if kind not in ("step", "epoch"):
            raise refuse("kind", "before, step, epoch or validation", repr(kind))
        plain = (int, float)
        return _columns({k: v for k, v in line.items() if isinstance(v, plain)} for line in lines)

    def __repr__(self) -> str:
        epochs = sum(line["kind"] == "epoch" for line in self._log)
        best = "" if self.best is None else f", best epoch {self.best.epoch}"
        return f"<Run {self.folder}: {epochs} of {self.config['train']['epochs']} epochs{best}>"


def _scores(epochs: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for epoch in epochs:
        number = {"epoch": epoch["epoch"]} if "epoch" in epoch else {}
        for key, averaged in (("validation", False), ("average_validation", True)):
            for one in epoch.get(key, []):
                for scores in one["scores"]:
                    yield {
                        **number,
                        "set": one["set"],
                        "prompt": one["prompt"],
                        "mask": scores["mask"],
                        "iou": scores["iou"],
                        "boundary_iou": scores["boundary_iou"],
                        "predicted_iou": scores.get("predicted_iou"),
                        "averaged": averaged,
                    }


def _columns(rows: Iterable[dict[str, Any]]) -> Columns:
    """Turn rows into columns; a number that a row lacks is NaN."""
    table = list(rows)
    names = list(dict.fromkeys(name for row in table for name in row))
    columns: Columns = {}
    for name in names:
        values = [row.get(name) for row in table]
        if any(value is None for value in values):
            values = [np.nan if value is None else value for value in values]
        array = np.asarray(values)
        columns[name] = array.astype(np.int64) if array.dtype.kind == "i" else array
    return columns


def open_run(folder: PathLike) -> Run:
    """Open the folder of a training run, which may still train.

    :raises maskwright.RunError: a folder that is no run, or a file in it that is damaged.
    """
    path = os.fspath(folder)
    content = _maskwright.read_run(path)
    for note in content["notes"]:
        warnings.warn(note, stacklevel=2)
    return Run(path, content)
