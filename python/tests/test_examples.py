"""The example of training in PyTorch: on two processes it is what it is on one, and it can be resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from files import write_pairs

pytest.importorskip("torch")
pytest.importorskip("segment_anything_hq")

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parents[1] / "examples" / "train_torch.py"

SCRIPT = f"""
import sys
from pathlib import Path
sys.path[:0] = [{str(HERE)!r}, {str(EXAMPLE.parent)!r}]
import os
import segment_anything_hq
import torch
import torch.distributed as dist
from test_models import SIZE, small_sam
from train_torch import Settings, train
output, batch_size, epochs, resume = sys.argv[1:]
if "RANK" in os.environ:
    dist.init_process_group("gloo")
torch.set_num_threads(1)
torch.manual_seed(0)
sam = small_sam(segment_anything_hq)
settings = Settings(
    Path("set"), Path(output), int(batch_size), SIZE, int(epochs), threads=1, resume=resume == "resume"
)
print(len(train(settings, sam)))
if dist.is_initialized():
    dist.destroy_process_group()
"""


def train(
    folder: Path, output: str, batch_size: int, epochs: int, processes: int, resume: bool = False
) -> list[float]:
    """Train in one or several processes, and read all losses that the run has logged."""
    script = folder / "script.py"
    script.write_text(SCRIPT)
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    line = [sys.executable, *(torchrun if processes > 1 else []), str(script), output]
    line += [str(batch_size), str(epochs), "resume" if resume else "new"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        line, capture_output=True, text=True, cwd=folder, check=False, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    lines = (folder / output / "losses.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


@pytest.mark.skipif(not EXAMPLE.is_file(), reason="the examples are not here")
def test_two_processes_train_as_one_with_twice_the_batch(tmp_path: Path) -> None:
    write_pairs(tmp_path / "set", 9)
    one = train(tmp_path, "one", 4, 2, processes=1)
    two = train(tmp_path, "two", 2, 2, processes=2)
    assert len(one) == 4
    assert two == pytest.approx(one, rel=1e-4)
    # An epoch of one process, and the next one of two.
    train(tmp_path, "both", 4, 1, processes=1)
    both = train(tmp_path, "both", 2, 2, processes=2, resume=True)
    assert both == pytest.approx(one, rel=1e-4)
