"""The code in docs/python.md that is one session, run from top to bottom as it stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from files import write_pairs
from trained import train

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"
BLOCK = re.compile(r"<!-- session -->\n```python\n(.*?)```", re.DOTALL)


def test_the_pages_session_runs(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == 8
    checkpoint = train(tmp_path / "made", report=False)["checkpoint"]
    shutil.copy(checkpoint, tmp_path / "sam_hq.safetensors")
    write_pairs(tmp_path / "leaves", 8)
    script = tmp_path / "script.py"
    script.write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
