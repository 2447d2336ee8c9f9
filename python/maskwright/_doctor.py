"""The doctor: what is wrong or odd with data, before a run is spent on them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from maskwright import _jobs, _maskwright
from maskwright._training import PathLike, as_json, data_of

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Instance:
    """One file or object that something was found on."""

    record: int | None
    """Number of the record in its set; none for files that are no record."""
    name: str
    """Name of the record, or the file's name."""
    object: int | None
    """Id of the annotation, where the set has annotations."""
    file: str
    """The file to look at."""
    detail: str
    """What exactly was found."""
    like: Mapping[str, Any] | None = None
    """For duplicates, the other record: ``set``, ``record``, ``name``."""


@dataclass(frozen=True)
class Finding:
    """All that one check found in one set."""

    set: str
    """Name of the set."""
    name: str
    """Name of the check, such as "missing-mask"; docs/doctor.md lists all."""
    severity: Severity
    """"error": training would refuse it or learn nonsense; "warning": the result may be worse;
    "note": worth knowing.
    """
    count: int
    """Objects or files that it was found on."""
    records: int
    """Records that these are."""
    explanation: str
    """What it means, in a sentence."""
    fix: str | None
    """The line of the data file that settles it, where there is one."""
    advice: str | None
    """What to know about that line."""
    instances: tuple[Instance, ...] = field(repr=False)
    """The first of them."""

    def __str__(self) -> str:
        fix = f" Fix: {self.fix}" if self.fix else ""
        return f"{self.severity}: {self.set}: {self.name} ({self.count}): {self.explanation}{fix}"


def doctor(
    data: PathLike | Mapping[str, Any],
    *,
    workers: int = 0,
    listed: int = 1000,
    decode_memory: int | None = None,
    input_size: int = 1024,
    progress: bool | None = None,
) -> list[Finding]:
    """Examine data: every image and mask is decoded in full, and nothing is changed.

    :param data: a data file, a folder, an annotation file of COCO, a tar file of SA-1B, or a dict
        with the keys of a data file.
    :param workers: threads; 0 for as many as the machine runs at once.
    :param listed: instances that are listed of each finding; all are counted.
    :param decode_memory: bytes that decoding may take at a time; a quarter of the machine's memory
        if not given.
    :param input_size: side of the model's input in pixels, from which it follows which objects are
        tiny.
    :param progress: show progress bars with tqdm; in notebooks if nothing is said.
    :returns: the findings, set by set, the worst first; none where all is well.
    :raises maskwright.Error: data that cannot be opened at all.
    """
    path = os.fspath(data) if isinstance(data, (str, os.PathLike)) else None
    text = as_json("data", data_of(data)) if path is None else None
    job = _maskwright.start_examination(path, text, workers, listed, decode_memory, input_size)
    diagnosis = _jobs.run(job, progress=progress)
    return [_finding(one["name"], found) for one in diagnosis["sets"] for found in one["findings"]]


def _finding(set_name: str, found: dict[str, Any]) -> Finding:
    keys = ("name", "severity", "count", "records", "explanation", "fix", "advice")
    instances = tuple(Instance(**one) for one in found["listed"])
    return Finding(set=set_name, **{key: found[key] for key in keys}, instances=instances)
