"""The file of a record."""

from __future__ import annotations

from pathlib import Path


def write(path: Path | None, text: str) -> None:
    """Write a record whole, or leave what was there; without a path nothing is written."""
    if path is not None:
        part = path.with_name(f".{path.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
