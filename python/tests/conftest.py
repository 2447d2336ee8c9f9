"""What several tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from files import write_pairs

ALONE = "MASKWRIGHT_TEST_ALONE"
"""Set where a test already has a process of its own."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ``images`` and ``masks`` of 11 pairs."""
    write_pairs(tmp_path / "set", 11)
    return tmp_path / "set"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker of tests that run alone known."""
    line = "alone: counts threads or files, and what other tests have imported starts some whenever it likes"
    config.addinivalue_line("markers", line)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is marked ``alone`` in a process of its own."""
    if pyfuncitem.get_closest_marker("alone") is None or ALONE in os.environ:
        return None
    test = f"{pyfuncitem.path}::{pyfuncitem.name}"
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    place = pyfuncitem.config.invocation_params.dir
    ran = subprocess.run(
        line, env={**os.environ, ALONE: "1"}, cwd=place, capture_output=True, text=True
    )
    assert ran.returncode == 0, f"\n{ran.stdout}{ran.stderr}"
    assert "1 passed" in ran.stdout
    return True
