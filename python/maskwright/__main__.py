"""The command line: ``maskwright`` and ``python -m maskwright``."""

from __future__ import annotations

import os
import platform
import signal
import sys

from maskwright import _maskwright

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""glibc's numbers of these settings."""


def main() -> int:
    """Run the command line with the arguments of this process, and return its exit status."""
    # The command ends a run in its own way when Ctrl-C is pressed.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    keep_freed_memory()
    return _maskwright.command(["maskwright", *sys.argv[1:]])


def keep_freed_memory() -> None:
    """Have glibc keep freed memory for the next tensor, as the command of its own does.

    This process is the command; the package leaves the memory of a program that imports it alone.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return
    import ctypes

    libc = ctypes.CDLL(None)
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        libc.mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)


if __name__ == "__main__":
    sys.exit(main())
