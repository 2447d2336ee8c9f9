"""The drop-in on two processes of ``torch.distributed``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from files import write_pairs

pytest.importorskip("torch")

SCRIPT = """
import json
import torch
import torch.distributed as dist
from maskwright.torch import LargeScaleJitter, Resize, create_dataloaders, get_im_gt_name_dict
dist.init_process_group("gloo")
rank = dist.get_rank()
# As HQ-SAM's script seeds: by rank. The order is that of the first.
torch.manual_seed(42 + rank)
where = {"name": "A", "im_dir": "A/images", "gt_dir": "A/masks", "im_ext": ".png", "gt_ext": ".png"}
listed = get_im_gt_name_dict([where])
train, _ = create_dataloaders(listed, [LargeScaleJitter(64)], batch_size=2, training=True, threads=1)
[valid], _ = create_dataloaders(listed, [Resize(64)], threads=1)
lengths = [len(train), len(valid)]
seen = [[int(number) for data in loader for number in data["imidx"]] for loader in (train, valid)]
with open(f"{rank}.json", "w") as file:
    json.dump([lengths, *seen], file)
dist.destroy_process_group()
"""


def test_no_record_comes_twice(tmp_path: Path) -> None:
    write_pairs(tmp_path / "A", 9)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    line = [sys.executable, *torchrun, str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        line,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    ranks = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    # Nine records are two batches of two on each, and five and four of them are evaluated.
    assert [rank[0] for rank in ranks] == [[2, 5], [2, 4]]
    trained = [*ranks[0][1], *ranks[1][1]]
    assert len(trained) == len(set(trained)) == 8
    assert ranks[0][2] == [0, 2, 4, 6, 8]
    assert ranks[1][2] == [1, 3, 5, 7]
