"""The code in docs/python.md, run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from files import write_pairs

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"
BLOCK = re.compile(r"<!-- test: ([\w-]+) -->\n```python\n(.*?)```", re.DOTALL)
PACKAGES = ("torch", "lightning", "accelerate", "transformers", "jax")
"""What a script may need, and is left out without."""
BLOCKS = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", BLOCKS)
def test_the_pages_code_runs(name: str, tmp_path: Path) -> None:
    for package in PACKAGES:
        if re.search(
            rf"^(import|from) {package}\b|maskwright\.{package}\b", BLOCKS[name], re.MULTILINE
        ):
            pytest.importorskip(package)
    write_pairs(tmp_path / "leaves", 8)
    script = tmp_path / "script.py"
    script.write_text(BLOCKS[name], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_page_has_code() -> None:
    own = {"drop-in", "loader", "memory", "resume", "process"}
    assert set(BLOCKS) == own | {"lightning", "accelerate", "trainer", "jax"}
