"""What several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from files import write_pairs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ``images`` and ``masks`` of 11 pairs."""
    write_pairs(tmp_path / "set", 11)
    return tmp_path / "set"
