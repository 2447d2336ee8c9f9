"""Programs that are measured in turns: each works once for each line that it is sent."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from machine import available_mib

THREADS = {"RAYON_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
SLEEP = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
"""Has PyTorch's threads sleep while they wait for each other."""
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str((1 << 31) - 1)}
"""What maskwright tells glibc about itself (crates/maskwright/src/memory.c)."""


class ContestantError(Exception):
    """A contestant cannot do its work; the message is the last that it said."""


class Contestant:
    """A program that measures once for each line it is sent, and answers with a line of JSON.

    It is started at its first turn, and warms up before it answers. It may be ended between turns,
    for the memory that it holds, and is then started anew.
    """

    def __init__(self, command: list[str], busy: bool, keeps_memory: bool = False) -> None:
        self.command = command
        self.environment = os.environ | THREADS | (SLEEP if busy else {})
        self.environment |= KEEP_MEMORY if keeps_memory else {}
        self.process: subprocess.Popen[str] | None = None
        # Open as long as the contestant is there.
        self.said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self.ms: list[float] = []
        self.cpu_ms: list[float] = []
        self.peak_mib = 0
        self.failure: str | None = None

    def measure(self) -> None:
        """Let it work once; an error if it ends instead."""
        pipe = subprocess.PIPE
        process = self.process = self.process or subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, stderr=self.said, text=True, env=self.environment
        )
        if process.stdin is None or process.stdout is None:
            raise ContestantError("it has no pipes")
        try:
            process.stdin.write("\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
        except (OSError, ValueError) as error:
            self.end()
            raise ContestantError(last_line(self.said_text(), process.returncode)) from error
        self.ms.append(answer["ms"])
        self.cpu_ms.append(answer["cpu_ms"])
        self.peak_mib = max(self.peak_mib, answer["peak_mib"])

    def said_text(self) -> str:
        """What it wrote to standard error."""
        self.said.seek(0)
        return self.said.read()

    def end(self) -> None:
        """Let it go."""
        process, self.process = self.process, None
        if process is None:
            return
        if process.stdout is not None:
            process.stdout.close()
        if process.stdin is not None:
            try:
                process.stdin.close()
            except OSError:
                process.kill()
        process.wait()


def answer(work: Callable[[], object]) -> None:
    """Be a contestant: work once to warm up, then answer every line with a measurement."""
    work()
    for _ in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        # A step ends with its loss on the host, and so the device is done.
        work()
        ms = 1000 * (time.perf_counter() - start)
        cpu_ms = 1000 * (time.process_time() - cpu)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps({"ms": ms, "cpu_ms": cpu_ms, "peak_mib": peak}), flush=True)


def last_line(text: str, status: int) -> str:
    """The line of an error's text that says most: the last one of a traceback that names an error.

    PyTorch's compiler ends its errors with advice.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.split(":")[0].rsplit(".")[-1].endswith("Error")]
    told = (errors or lines or ["it said nothing"])[-1]
    return f"ended with {status}: {told[:300]}".replace("|", "/")


def measure_in_turns(contestants: list[Contestant], rounds: int) -> None:
    """Let all of them work once a round, beginning with another one each time.

    One that fails has no further turn. Where memory is short for the next one, a contestant is
    ended after its turn.
    """
    for number in range(rounds):
        shift = number % len(contestants)
        for contestant in contestants[shift:] + contestants[:shift]:
            if contestant.failure is not None:
                continue
            try:
                contestant.measure()
            except ContestantError as error:
                contestant.failure = str(error)
                continue
            largest = max(each.peak_mib for each in contestants)
            if available_mib() < 1.5 * largest:
                contestant.end()
    for contestant in contestants:
        contestant.end()
