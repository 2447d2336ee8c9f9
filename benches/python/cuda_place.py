"""Where a machine has what maskwright's kernels need: CUDA's driver, compiler and headers.

A machine that has PyTorch has all of them, if not where programs look: in its Python packages.
``find`` looks there too, and ``Place.environment`` is how a program that is started finds them::

    python cuda_place.py        # says what is where
"""

from __future__ import annotations

import ctypes
import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMPILER = "libnvrtc.so*"
HEADER = "cuda_fp16.h"


@dataclass(frozen=True)
class Place:
    """What was found; nothing where it was not."""

    driver: str | None
    compiler: Path | None
    headers: Path | None
    """The folder that holds ``include``."""

    def lines(self) -> list[str]:
        """Say it, a line each."""
        return [
            f"driver (libcuda): {self.driver or '**not found**'}",
            f"run-time compiler (libnvrtc): {self.compiler or '**not found**'}",
            f"headers ({HEADER}): {self.headers or '**not found**'}",
        ]

    def environment(self, links: Path) -> dict[str, str]:
        """Give the variables by which programs find it; ``links`` is a folder for a link.

        The link bears the compiler's plain name, which is looked for first whatever its version.
        """
        variables = dict(os.environ)
        if self.headers is not None:
            variables["CUDA_PATH"] = str(self.headers)
        if self.compiler is not None:
            links.mkdir(parents=True, exist_ok=True)
            link = links / "libnvrtc.so"
            link.unlink(missing_ok=True)
            link.symlink_to(self.compiler)
            # The compiler opens a library of built-in functions beside it.
            folders = [str(links), str(self.compiler.parent), variables.get("LD_LIBRARY_PATH", "")]
            variables["LD_LIBRARY_PATH"] = ":".join(folder for folder in folders if folder)
        return variables


def find() -> Place:
    """Look for all of it."""
    compilers = (path for folder in folders("lib", "lib64") for path in folder.glob(COMPILER))
    headers = (folder.parent for folder in folders("include") if (folder / HEADER).is_file())
    return Place(driver(), next(compilers, None), next(headers, None))


def driver() -> str | None:
    """Open the driver's library, and give the version of CUDA that it knows."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    number = ctypes.c_int()
    if library.cuDriverGetVersion(ctypes.byref(number)) != 0:
        return None
    return f"CUDA {number.value // 1000}.{number.value % 1000 // 10}"


def folders(*names: str) -> Iterator[Path]:
    """Go through the folders of these names where CUDA may be, those that are told first."""
    roots = [Path(os.environ["CUDA_PATH"])] if "CUDA_PATH" in os.environ else []
    if "lib" in names:
        told = os.environ.get("LD_LIBRARY_PATH", "").split(":")
        yield from (Path(folder) for folder in told if folder)
    roots += [
        Path("/usr/local/cuda"),
        Path("/opt/cuda"),
        *sorted(Path("/usr/local").glob("cuda-*")),
    ]
    packages = [sysconfig.get_paths()["purelib"], site.getusersitepackages(), *sys.path]
    for package in dict.fromkeys(packages):
        roots += sorted(Path(package).glob("nvidia/*"))
        roots += [Path(package) / "torch", Path(package) / "triton/backends/nvidia"]
    roots += [Path("/usr"), Path("/usr/lib/x86_64-linux-gnu")]
    for root in roots:
        for name in names:
            yield root / name
    if "lib" in names:
        yield Path("/usr/lib/x86_64-linux-gnu")


if __name__ == "__main__":
    print(*find().lines(), sep="\n")
