"""A loader in a process of its own, which the consumer's Python does not hold up, and which does not hold that up.

The process puts batches into shared memory, and the arrays of a batch are views of it: they stay valid as long as
they are referred to, also when the loader is closed. Where nearly all of that memory is being looked at, batches
are copied out of it.
"""

from __future__ import annotations

import json
import mmap
import multiprocessing.process
import multiprocessing.spawn
import os
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from collections import deque
from typing import Any, BinaryIO

import numpy as np

from maskwright._errors import Error, SettingError
from maskwright._process_memory import SLOTS, Handle, slot_bytes, unpack

WAIT = 0.05
"""Seconds after which a wait looks whether Ctrl-C was pressed."""

PATIENCE = 2.0
"""Seconds that a process has to end."""

PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from maskwright._process_child import main; main()"
)


State = tuple[int, int, int, int]
"""Epoch, position, seed and number of records."""


class ProcessTraceError(Exception):
    """Where an exception was raised in the loader's process; the cause of the one that is raised here."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n{self.text}"


class Inbox:
    """What the process has told and nobody has heard yet."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.batches: deque[tuple[Any, ...]] = deque()
        self.replies: dict[int, Any] = {}
        self.first: tuple[Any, ...] | None = None
        self.ended = False

    def receive(self, stream: BinaryIO) -> None:
        """Take what comes until the process has ended."""
        with stream:
            while True:
                try:
                    kind, *content = pickle.load(stream)
                except Exception:
                    break
                with self.changed:
                    if kind == "reply":
                        self.replies[content[0]] = content[1]
                    elif kind in ("ready", "failed"):
                        self.first = (kind, *content)
                    else:
                        self.batches.append((kind, *content))
                    self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()


class ProcessLoader:
    """The compiled loader's methods, carried out by another process."""

    def __init__(self, data: Any, split: str, settings: dict[str, Any]) -> None:
        payload, main = portable_data(data)
        handle = Handle()
        try:
            self._process = subprocess.Popen(
                [multiprocessing.spawn.get_executable(), "-c", PROGRAM, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=handle.inherited(),
            )
            self._owner = os.getpid()
            self._end = weakref.finalize(self, end, self._process, self._owner)
            self._inbox = Inbox()
            receive = self._inbox.receive
            threading.Thread(target=receive, args=(self._process.stdout,), daemon=True).start()
            self._sending = threading.Lock()
            self._asking = threading.Lock()
            self._tickets = 0
            self._generation = 0
            self._freed: deque[int] = deque()
            self._looked_at = 0
            self._failure: Error | None = None
            begin = {"parent": os.getpid(), "data": payload, "main": main}
            self._send({**begin, "split": split, "settings": settings})
            first = self._wait(lambda: self._inbox.first)
            if first[0] == "failed":
                raise raised(*first[1])
            self._batches: int = first[1]
            self._place: tuple[State, dict[str, Any], int] = first[2]
            self._share(handle, settings)
        except BaseException:
            if hasattr(self, "_end"):
                self._end()
            raise
        finally:
            handle.close()

    def _share(self, handle: Handle, settings: dict[str, Any]) -> None:
        """Give the process memory for its batches."""
        sides = (settings["batch_size"], settings["input_size"], settings["objects"])
        self._slot_bytes = slot_bytes(*sides)
        size = SLOTS * self._slot_bytes
        handle.size(size)
        self._memory: mmap.mmap = handle.open(size)
        self._send(("share", handle, SLOTS, self._slot_bytes))

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def batches(self) -> int:
        """The number of batches of a whole epoch."""
        self._check()
        return self._batches

    def next(self) -> Any:
        """The parts of the next batch, or ``None`` behind the last."""
        with self._asking:
            while True:
                self._check()
                kind, generation, content, place = self._wait(self._oldest)
                if generation == self._generation:
                    break
                # Made before another epoch was asked for.
                if kind == "batch":
                    self._send(("release", [content[0]]))
            self._place = place
            if kind == "raised":
                raise raised(*content)
            return None if kind == "end" else self._parts(*content)

    def _oldest(self) -> Any:
        """The oldest thing that the process has made."""
        self._release()
        return self._inbox.batches.popleft() if self._inbox.batches else None

    def _parts(self, slot: int, pickled: bytes, places: list[tuple[int, int]]) -> Any:
        """Take a batch out of its slot, which comes back once no array is in it any more."""
        start, size = slot * self._slot_bytes, self._slot_bytes
        room = np.frombuffer(self._memory, np.uint8, size, start)
        copied = self._looked_at >= SLOTS - 1
        parts = unpack(pickled, places, room, copied)
        if copied or not places:
            self._send(("release", [slot]))
        else:
            self._looked_at += 1
            weakref.finalize(room, self._freed.append, slot).atexit = False
        return parts

    def _release(self) -> None:
        """Give slots back that no array is in any more."""
        slots = []
        while self._freed:
            slots.append(self._freed.popleft())
        if slots:
            self._looked_at -= len(slots)
            self._send(("release", slots))

    def start_epoch(self, epoch: int) -> None:
        """Go on with the first batch of an epoch."""
        self._check()
        (at, position, seed, records), stats, entries = self._place
        if (at, position) != (epoch, 0):
            self._generation += 1
            self._send(("start", self._generation, epoch))
        self._place = ((epoch, 0, seed, records), stats, entries)

    def state(self) -> State:
        """Epoch, position, seed and number of records."""
        self._check()
        return self._place[0]

    def restore(self, epoch: int, position: int, seed: int, records: int) -> None:
        """Go on from the state of another loader."""
        state = (epoch, position, seed, records)
        failure = self._ask("restore", self._generation + 1, state)
        if failure is not None:
            raise raised(*failure)
        self._generation += 1
        self._place = (state, self._place[1], self._place[2])

    def stats(self) -> dict[str, Any]:
        """Counts and times up to the last batch that was taken."""
        self._check()
        return dict(self._place[1])

    def ledger(self) -> str:
        """The ledger up to the last batch that was taken, as JSON."""
        entries = json.loads(self._ask("ledger"))
        return json.dumps(entries[: self._place[2]])

    def close(self) -> None:
        """End the process."""
        self._end()

    def _ask(self, what: str, *content: object) -> Any:
        """Ask the process and wait for its reply."""
        self._check()
        with self._sending:
            self._tickets += 1
            ticket = self._tickets
        self._send((what, ticket, *content))
        replies = self._inbox.replies
        return self._wait(lambda: (replies.pop(ticket),) if ticket in replies else None)[0]

    def _send(self, message: object) -> None:
        stream = self._process.stdin
        assert stream is not None
        pickled = pickle.dumps(message, protocol=5)
        try:
            with self._sending:
                stream.write(pickled)
                stream.flush()
        except (OSError, ValueError):
            # The pipe is closed; whoever waits for what the process still told hears of it.
            return

    def _wait(self, found: Any) -> Any:
        """Wait until something is there; the process may end meanwhile."""
        inbox = self._inbox
        while True:
            with inbox.changed:
                answer = found()
                if answer is not None:
                    return answer
                if inbox.ended:
                    break
                inbox.changed.wait(WAIT)
        self._check()
        self._failure = self._gone()
        raise self._failure

    def _check(self) -> None:
        """Refuse what a closed loader, or one of another process, cannot do."""
        here = os.getpid()
        if here != self._owner:
            expected, found = f"process {self._owner}", f"process {here}"
            message = (
                f"the loader: expected the {expected} that started its process, found {found}, which was "
                "forked from it; make one there, or pickle this one and send it"
            )
            raise Error(message, None, expected, found)
        if self._failure is not None:
            raise self._failure
        if not self._end.alive:
            raise Error("the loader: it was closed")

    def _gone(self) -> Error:
        """Make the exception for a process that ended by itself."""
        self._end()
        status = self._process.returncode
        how = f"exit status {status}"
        if status < 0:
            names = {each.value: each.name for each in signal.Signals}
            how = f"signal {-status} ({names.get(-status, 'unknown')})"
        expected, found = f"process {self.pid} to make batches", f"that it ended by {how}"
        message = f"the loader: expected {expected}, found {found}; a new loader goes on from state_dict()"
        return Error(message, None, expected, found)


def portable_data(data: Any) -> tuple[bytes, dict[str, Any] | None]:
    """Pickle data for another process, and say what it has to import of the main script for them."""
    if getattr(multiprocessing.process.current_process(), "_inheriting", False):
        raise Error(
            "process=True: expected the loader to be made below `if __name__ == '__main__':`, found that the "
            "script makes it whenever it is imported"
        )
    try:
        payload = pickle.dumps(data, protocol=5)
    except Exception as error:
        expected = "data that can be pickled (process=True)"
        message = f"data: expected {expected}, found: {error}"
        raise SettingError(message, None, expected, str(error)) from error
    if b"__main__" not in payload:
        return payload, None
    prepared = multiprocessing.spawn.get_preparation_data("maskwright loader")
    wanted = ("sys_argv", "init_main_from_name", "init_main_from_path")
    return payload, {key: value for key, value in prepared.items() if key in wanted}


def raised(pickled: bytes, trace: str) -> BaseException:
    """Make an exception of the process one of this one."""
    try:
        error: BaseException = pickle.loads(pickled)
    except Exception:
        error = Error(trace.strip().splitlines()[-1])
    error.__cause__ = ProcessTraceError(trace)
    return error


def end(process: subprocess.Popen[bytes], owner: int) -> None:
    """End a process that this one has started, and wait for it."""
    if os.getpid() != owner:
        return
    assert process.stdin is not None
    try:
        pickle.dump(("close",), process.stdin)
        process.stdin.close()
    except (OSError, ValueError):
        pass
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
