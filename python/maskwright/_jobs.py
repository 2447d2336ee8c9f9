"""Waiting for long work of Rust.

Events are dealt with as they come, Ctrl-C works, and bars show how far the work is.
"""

from __future__ import annotations

import atexit
import importlib
import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

from maskwright._errors import Error
from maskwright._maskwright import Job

WAIT = 50
"""Milliseconds that one wait takes at most."""

OnEvent = Callable[[str, Any], Any]
"""Takes an event's kind and content; returns False where the work shall stop."""

_saving: list[Job] = []
"""Jobs that were interrupted and still save what they have."""


class Bars:
    """A progress bar for the part of the work at hand, where tqdm is installed."""

    def __init__(self, wanted: bool | None) -> None:
        """Show bars if wanted; in notebooks if nothing is said."""
        self._tqdm = _tqdm() if (_in_notebook() if wanted is None else wanted) else None
        self._bar: Any = None
        self._what = ""

    def at(self, what: str, done: int, total: int | None, note: str) -> None:
        """Show how far a part of the work is."""
        if self._tqdm is None:
            return
        if self._bar is None or what != self._what:
            self.close()
            self._bar, self._what = self._tqdm(total=total, desc=what), what
        self._bar.n = done
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def _tqdm() -> Any:
    try:
        return importlib.import_module("tqdm.auto").tqdm
    except ImportError:
        return None


def _in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def run(
    job: Job,
    *,
    progress: bool | None = None,
    on_event: OnEvent | None = None,
    saves: bool = False,
) -> Any:
    """Wait until a job is over and return what it left.

    Ctrl-C (KeyboardInterrupt) comes out at once and asks the job to stop. Where it ``saves``, it
    goes on with that on its thread, and the interpreter waits for it before it ends. Another
    exception of ``on_event`` comes out once the job has stopped.
    """
    bars = Bars(progress)
    try:
        for kind, text, waits in _events(job):
            content = json.loads(text)
            go_on = True
            if kind == "progress":
                bars.at(**content)
            elif kind == "note":
                warnings.warn(content, stacklevel=3)
            elif on_event is not None:
                go_on = on_event(kind, content) is not False
            if waits:
                job.answer(go_on)
        return json.loads(job.result())
    except (KeyboardInterrupt, SystemExit):
        _leave(job, saves)
        raise
    except BaseException:
        # What the job itself raised has no more to stop.
        if not job.is_over():
            _stop(job, saves)
        raise
    finally:
        bars.close()


def _events(job: Job) -> Any:
    """Give the job's events until it is over."""
    while True:
        over = job.is_over()
        event = job.wait(0 if over else WAIT)
        if event is not None:
            yield event
        elif over:
            return


def _stop(job: Job, saves: bool) -> None:
    """Ask a job to stop and wait until it has."""
    job.stop()
    try:
        for _ in _events(job):
            pass
        job.result()
    except KeyboardInterrupt:
        _leave(job, saves)
        raise
    except Error as error:
        if saves:
            warnings.warn(f"while the run was stopped: {error}", stacklevel=4)


def _leave(job: Job, saves: bool) -> None:
    """Ask a job to stop and do not wait for it."""
    job.stop()
    if saves and not job.is_over():
        _saving.append(job)


def wait_for_earlier() -> None:
    """Wait for jobs that were interrupted and still save what they have."""
    while _saving:
        for _ in _events(_saving[0]):
            pass
        _saving.pop(0)


@atexit.register
def _at_exit() -> None:
    def unsaved() -> list[Job]:
        return [job for job in _saving if not (job.is_over() or job.may_end())]

    if unsaved():
        print("maskwright: saving the state of the run; Ctrl-C ends without it", file=sys.stderr)
    while waiting := unsaved():
        waiting[0].wait(WAIT)
