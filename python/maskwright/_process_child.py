"""The process that a loader with ``process=True`` starts: it makes batches and puts them into shared memory.

It goes when its parent goes, whichever way that is: it reads from a pipe that closes then, and looks whose child
it is.
"""

from __future__ import annotations

import contextlib
import multiprocessing.process
import multiprocessing.spawn
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from typing import Any, BinaryIO

from maskwright import _maskwright, _sets
from maskwright._errors import Error, SettingError
from maskwright._process_memory import Handle, pack

LOOK = 0.5
"""Seconds after which the process looks whether its parent is there."""


class Child:
    """A loader that obeys a pipe."""

    def __init__(self, native: _maskwright.Loader, replies: Replies) -> None:
        self.native = native
        self.replies = replies
        self.commands: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self.memory: memoryview | None = None
        self.slot_bytes = 0
        self.free: list[int] = []
        self.generation = 0
        self.over = False
        self.entries = (0, 0, 0)

    def place(self) -> tuple[tuple[int, int, int, int], dict[str, Any], int]:
        """State, statistics, and entries of the ledger behind what was made last."""
        stats = self.native.stats()
        counts = (stats["refused"], stats["warned"])
        if counts != self.entries[:2]:
            self.entries = (*counts, ledger_length(self.native))
        return self.native.state(), stats, self.entries[2]

    def serve(self) -> None:
        """Make batches while there is room for them, and do as is told."""
        while True:
            try:
                waits = self.over or not self.free
                command = self.commands.get(block=waits)
            except queue.Empty:
                self.deliver()
            else:
                getattr(self, command[0])(*command[1:])

    def share(self, handle: Handle, slots: int, slot_bytes: int) -> None:
        """Take the memory that batches go into."""
        self.memory = memoryview(handle.open(slots * slot_bytes))
        handle.close()
        self.slot_bytes = slot_bytes
        self.free = list(range(slots))

    def release(self, slots: list[int]) -> None:
        """Take back slots that are not looked at any more."""
        self.free.extend(slots)

    def start(self, generation: int, epoch: int) -> None:
        """Go on with the first batch of an epoch."""
        self.native.start_epoch(epoch)
        self.generation, self.over = generation, False

    def restore(self, ticket: int, generation: int, numbers: tuple[int, int, int, int]) -> None:
        """Go on from a state."""
        try:
            self.native.restore(*numbers)
        except Error as error:
            self.replies.send("reply", ticket, portable(error))
            return
        self.generation, self.over = generation, False
        self.replies.send("reply", ticket, None)

    def deliver(self) -> None:
        """Make the next batch and tell where it is."""
        try:
            parts = self.native.next()
        except BaseException as error:
            self.replies.send("raised", self.generation, portable(error), self.place())
            return
        if parts is None:
            self.over = True
            self.replies.send("end", self.generation, None, self.place())
            return
        slot = self.free.pop()
        assert self.memory is not None
        room = self.memory[slot * self.slot_bytes : (slot + 1) * self.slot_bytes]
        content = (slot, *pack(parts, room))
        # Its memory goes to the next batch.
        del parts
        self.replies.send("batch", self.generation, content, self.place())


class Replies:
    """The pipe to the parent."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, *message: object) -> None:
        """Tell the parent; where it is gone, end."""
        pickled = pickle.dumps(message, protocol=5)
        try:
            with self._lock:
                self._stream.write(pickled)
                self._stream.flush()
        except OSError:
            os._exit(0)


def portable(error: BaseException) -> tuple[bytes, str]:
    """Make an exception what another process can raise: itself, or what it says; and where it was raised."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        pickled = pickle.dumps(error)
        pickle.loads(pickled)
    except Exception:
        pickled = pickle.dumps(Error(f"{type(error).__name__}: {error}"))
    return pickled, text


def ledger_length(native: _maskwright.Loader) -> int:
    """Count the entries of a loader's ledger."""
    import json

    return len(json.loads(native.ledger()))


def obey(stream: BinaryIO, child: Child) -> None:
    """Take commands from the parent until there is none any more."""
    while True:
        try:
            command = pickle.load(stream)
        except BaseException:
            os._exit(0)
        if command[0] == "close":
            os._exit(0)
        if command[0] == "ledger":
            child.replies.send("reply", command[1], child.native.ledger())
        else:
            child.commands.put(command)


def watch(parent: int) -> None:
    """End where the parent is not the one that it was: another of its children may keep the pipe open."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    os._exit(0)


def open_data(payload: bytes, main: dict[str, Any] | None) -> Any:
    """Give the data; what they need of the parent's main script is imported first."""
    if main is not None:
        current = multiprocessing.process.current_process()
        setattr(current, "_inheriting", True)  # noqa: B010  (of no public name, as in multiprocessing)
        try:
            multiprocessing.spawn.prepare(main)
        finally:
            delattr(current, "_inheriting")
    try:
        return pickle.loads(payload)
    except (AttributeError, ImportError) as error:
        expected = "data of classes that another process can import (process=True)"
        message = f"data: expected {expected}, found: {error}"
        raise SettingError(message, None, expected, str(error)) from error


def main() -> None:
    """Serve the parent at the other end of standard input and output."""
    # Ctrl-C is the parent's.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    commands, replies = os.fdopen(os.dup(0), "rb"), Replies(os.fdopen(os.dup(1), "wb"))
    # What the data print or read does not come between.
    with contextlib.suppress(OSError):
        os.dup2(2, 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    begin = pickle.load(commands)
    if sys.platform != "win32":
        threading.Thread(target=watch, args=(begin["parent"],), daemon=True).start()
    try:
        data = open_data(begin["data"], begin["main"])
        sets = _sets.open_sets(data, begin["split"])
        child = Child(_maskwright.Loader(sets, begin["settings"]), replies)
        ready = (child.native.batches(), child.place())
    except BaseException as error:
        replies.send("failed", portable(error))
        return
    replies.send("ready", *ready)
    threading.Thread(target=obey, args=(commands, child), daemon=True).start()
    child.serve()
