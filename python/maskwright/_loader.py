"""The loader of training batches."""

from __future__ import annotations

import atexit
import json
import numbers
import os
import weakref
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from maskwright import _maskwright, _sets
from maskwright._batch import Batch, Prompt
from maskwright._errors import Error, refuse
from maskwright._process import ProcessLoader

STATE = ("epoch", "position", "seed", "records")


class Loader:
    """Batches for training, made ahead by threads of its own that do not hold the GIL.

    ::

        loader = maskwright.Loader("photos", batch_size=4, input_size=1024, seed=1)
        for epoch in range(12):
            loader.set_epoch(epoch)
            for batch in loader:
                outputs = model(batch.to_sam(device), multimask_output=False)

    A sample is a function of the data, the seed, the epoch and the record: it does not depend on
    ``threads`` or on where a run was interrupted.

    ``data`` is one of these:

    - a path: a folder of a known kind (``images`` and ``masks``, COCO, YOLO, HQSeg-44K, ...) or a data file
    - a pair ``(images, masks)`` of two folders, of two lists of paths, or of two sequences of pictures
    - a sequence of ``(image, mask)``, or of dicts with ``image`` and ``mask`` or ``masks``: paths, PIL images,
      uint8 arrays; masks are bool or uint8 ``[h, w]``, or ``[n, h, w]`` for n objects. It may be any object with
      ``__len__`` and ``__getitem__``, which is called from the loader's threads
    - a dict of names and such pairs of folders, or of lists of paths

    Arguments:
        batch_size: images of a batch, on each of the ``world_size`` processes.
        input_size: height and width of the batch's images in pixels.
        objects: objects that are drawn for an image, or all where it has fewer.
        seed: of the order and of every sample.
        rank, world_size: which of how many processes this is; by default what ``torchrun`` sets in the
            environment, otherwise 0 of 1. No two get the same record of an epoch, all get as many batches.
        threads: that make batches; by default one for each core.
        views: how many different views an image has, 0 for new ones in every epoch.
        last_batch: ``"drop"`` or ``"keep"`` records that do not fill a batch on every process.
        prefetch: batches that are made ahead, by default one more than threads.
        refusal_budget: the share of all records that may be replaced by others because their files cannot
            be used. With 0, the default, the first of them is an exception.
        ledger: a file that such records are written to, one JSON object a line.
        plan, prompts: settings of a data file's tables ``[plan]`` and ``[prompts]``, such as
            ``{"scale_min": 0.5}`` and ``{"kinds": {"box": 1, "points": 1, "noise_mask": 0}}``.
        split: of a path, ``"train"`` or ``"valid"``.
        process: make batches in a process of its own, for trainers that keep Python busy. The arrays of a
            batch are views of memory that both processes share, and stay valid while they are referred to. The
            data are pickled into the process; it ends with ``close``, with the loader, and with this
            process whichever way that ends, and leaves nothing behind.

    Raises ``SettingError`` for arguments, ``DataError`` and ``FileMissingError`` for data; iterating raises
    those of the records that it comes to, and goes on with the next batch when it is asked again.
    """

    def __init__(
        self,
        data: _sets.Data,
        batch_size: int = 4,
        input_size: int = 1024,
        objects: int = 1,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        threads: int | None = None,
        *,
        views: int = 0,
        last_batch: str = "drop",
        prefetch: int | None = None,
        refusal_budget: float = 0.0,
        ledger: str | os.PathLike[str] | None = None,
        plan: Mapping[str, Any] | None = None,
        prompts: Mapping[str, Any] | None = None,
        split: str = "train",
        process: bool = False,
    ) -> None:
        here = place_among_processes()
        self._data = data
        self._split = text("split", split)
        self._process = process
        self._settings: dict[str, Any] = {
            "batch_size": count("batch_size", batch_size, 1),
            "input_size": count("input_size", input_size, 1),
            "objects": count("objects", objects, 1),
            "seed": count("seed", seed, 0),
            "rank": count("rank", here[0] if rank is None else rank, 0),
            "world_size": count("world_size", here[1] if world_size is None else world_size, 1),
            "threads": None if threads is None else count("threads", threads, 1),
            "views": count("views", views, 0),
            "last_batch": text("last_batch", last_batch),
            "prefetch": None if prefetch is None else count("prefetch", prefetch, 1),
            "refusal_budget": share("refusal_budget", refusal_budget),
            "ledger": None if ledger is None else file("ledger", ledger),
            "plan": None if plan is None else table("plan", plan),
            "prompts": None if prompts is None else table("prompts", prompts),
        }
        self._begin()
        self._loader()

    def _begin(self) -> None:
        """Start with the first epoch."""
        self._native: _maskwright.Loader | ProcessLoader | None = None
        self._epoch = 0
        # Whether a state was restored from which nothing was taken yet.
        self._restored = False
        self._pass = 0
        ALIVE.add(self)

    def _loader(self) -> _maskwright.Loader | ProcessLoader:
        """Give the threads; they are started, and the data opened, where that was not done yet."""
        if self._native is None and self._process:
            self._native = ProcessLoader(self._data, self._split, self._settings)
        elif self._native is None:
            sets = _sets.open_sets(self._data, self._split)
            self._native = _maskwright.Loader(sets, self._settings)
        return self._native

    def __len__(self) -> int:
        """The number of batches of a whole epoch on this process."""
        return self._loader().batches()

    def __iter__(self) -> Iterator[Batch]:
        """Go through the epoch, from its beginning or where a restored state stands.

        Without ``set_epoch``, the epoch after one that was gone through is the next. A new pass ends one
        that is under way.
        """
        epoch, position, _, records = self._loader().state()
        if (epoch, position) == (self._epoch, records):
            # Whoever counts the batches does not ask for one behind the last.
            self._epoch += 1
        if not self._restored:
            self._loader().start_epoch(self._epoch)
        self._pass += 1
        return Pass(self, self._pass)

    def _next(self, number: int) -> Batch:
        if number != self._pass:
            raise Error("the loader: another pass over it began, which ended this one")
        try:
            parts: Any = self._loader().next()
        except StopIteration as error:
            # Of the data: an epoch does not end there.
            raise RuntimeError("the loader's data raised StopIteration") from error
        self._restored = False
        if parts is None:
            self._epoch += 1
            # A pass that is over stays so.
            self._pass += 1
            raise StopIteration
        images, labels, image_of, prompts, *others = parts
        return Batch(images, labels, image_of, [Prompt(*prompt) for prompt in prompts], *others)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next pass goes through.

        After ``load_state_dict`` with a state of the same epoch, the pass goes on where that stands.
        """
        epoch = count("epoch", epoch, 0)
        if self._restored and epoch == self._epoch:
            return
        self._restored = False
        self._pass += 1
        self._epoch = epoch
        self._loader().start_epoch(epoch)

    def state_dict(self) -> dict[str, int]:
        """Give the place of the loader: the batch that comes next is the first of one that loads it.

        It does not depend on ``batch_size``, ``world_size`` or ``threads``, and is the same on all ranks that
        delivered as many batches.
        """
        epoch, position, seed, records = self._loader().state()
        if position == records:
            epoch, position = epoch + 1, 0
        return {"epoch": epoch, "position": position, "seed": seed, "records": records}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on with exactly the samples that a loader with this state had not delivered.

        Raises ``SettingError`` for a state of another seed or other data.
        """
        if not isinstance(state, Mapping) or set(state) != set(STATE):
            found = str(list(state)) if isinstance(state, Mapping) else repr(state)
            raise refuse("the loader's state", f"a dict of {', '.join(STATE)}", found)
        place = [count(key, state[key], 0) for key in STATE]
        self._loader().restore(*place)
        self._epoch = place[0]
        self._restored = True
        self._pass += 1

    @property
    def stats(self) -> dict[str, Any]:
        """Counts and times so far; ``verdict`` says in a sentence whether the data keep up."""
        return self._loader().stats()

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """The records that were refused, and those that were used though their files are damaged."""
        entries: list[dict[str, Any]] = json.loads(self._loader().ledger())
        return entries

    def close(self) -> None:
        """End the threads; they end as well when the loader is deleted."""
        if self._native is not None:
            self._native.close()

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the arguments and the place, not the threads."""
        return {
            "data": self._data,
            "split": self._split,
            "settings": self._settings,
            "process": self._process,
            "state": self.state_dict(),
        }

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        self._data, self._split = pickled["data"], pickled["split"]
        self._settings, self._process = pickled["settings"], pickled["process"]
        self._begin()
        self.load_state_dict(pickled["state"])

    def __repr__(self) -> str:
        batch_size, input_size = self._settings["batch_size"], self._settings["input_size"]
        return f"Loader(batch_size={batch_size}, input_size={input_size}, epoch={self._epoch})"


class Pass:
    """One pass over a loader."""

    def __init__(self, loader: Loader, number: int) -> None:
        self._loader, self._number = loader, number
        self._over = False

    def __iter__(self) -> Pass:
        return self

    def __next__(self) -> Batch:
        if self._over:
            raise StopIteration
        try:
            return self._loader._next(self._number)
        except StopIteration:
            self._over = True
            raise


ALIVE: weakref.WeakSet[Loader] = weakref.WeakSet()
"""Loaders whose threads end before the interpreter does, since they may run Python code of their data."""


@atexit.register
def close_all() -> None:
    """End the threads of all loaders."""
    for loader in list(ALIVE):
        loader.close()


def place_among_processes() -> tuple[int, int]:
    """Rank and number of processes that ``torchrun`` set, or 0 of 1."""
    rank, world_size = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    return (int(rank), int(world_size)) if rank.isdigit() and world_size.isdigit() else (0, 1)


def count(what: str, value: Any, least: int) -> int:
    """Check a whole number."""
    number = value.__index__() if hasattr(value, "__index__") else None
    if not isinstance(number, int) or isinstance(value, bool) or not least <= number < 1 << 63:
        raise refuse(what, f"a whole number from {least}", repr(value))
    return number


def text(what: str, value: Any) -> str:
    """Check a text."""
    if not isinstance(value, str):
        raise refuse(what, "a str", repr(value))
    return value


def share(what: str, value: Any) -> float:
    """Check a number; its range is the library's to check."""
    if not isinstance(value, numbers.Real):
        raise refuse(what, "a share from 0 to 1", repr(value))
    return float(value)


def file(what: str, value: Any) -> str:
    """Check a path."""
    if not isinstance(value, (str, os.PathLike)):
        raise refuse(what, "a path", repr(value))
    return os.fspath(value)


def table(what: str, value: Any) -> str:
    """Check settings that a data file has, and write them as JSON."""
    expected = f"a dict of the keys and values of [{what}] in a data file"
    if not isinstance(value, Mapping):
        raise refuse(what, expected, repr(value))
    try:
        return json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise refuse(what, expected, str(error)) from None
