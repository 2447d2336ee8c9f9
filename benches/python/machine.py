"""What a record says of the machine and of the versions that it was made with."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path


def processor() -> tuple[str, int]:
    """The processor's name and number of cores, as Linux tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine(), 1
    pairs = [line.split(":", 1) for line in lines if ":" in line]
    models = [value.strip() for key, value in pairs if key.strip() == "model name"]
    known = {key.strip(): value.strip() for key, value in pairs}
    family = f" (family {known.get('cpu family', '?')}, model {known.get('model', '?')})"
    return (models[0] if models else platform.machine()) + family, max(len(models), 1)


def versions(packages: Iterable[str]) -> str:
    """Python's version, and those of the packages that are there."""
    texts = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            texts.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(texts)
