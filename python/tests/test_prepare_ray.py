"""The example of data prepared on several machines: what a machine that is lost began is made again, the same."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from files import write_pairs

import maskwright

pytest.importorskip("ray.data", reason="the example of prepared data needs ray[data]")

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parents[1] / "examples" / "prepare_ray.py"
if not EXAMPLE.is_file():
    pytest.skip("the examples are not here", allow_module_level=True)
sys.path.insert(0, str(EXAMPLE.parent))

import prepare_ray  # noqa: E402
import ray  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

SHARDS = 8


class SlowActor(prepare_ray.Actor):
    """Takes its time, so that a machine is lost in the middle."""

    def __call__(self, shards: dict[str, Any]) -> Any:  # noqa: ANN401
        time.sleep(0.5)
        return super().__call__(shards)


def test_a_lost_machine_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [EXAMPLE.parent, HERE, Path(maskwright.__file__).parents[1]]
    monkeypatch.setenv("PYTHONPATH", ":".join(map(str, paths)))
    monkeypatch.setattr(prepare_ray, "Actor", SlowActor)
    write_pairs(tmp_path / "set", 4 * SHARDS)
    (tmp_path / "set/images/005.png").write_bytes(b"no picture")
    pairs = {name: tmp_path / "set" / name for name in ("images", "masks")}
    data = {"train": [{"name": "ours", **pairs}]}
    settings: dict[str, Any] = {"data": data, "shards": SHARDS, "longest_side": 50, "threads": 1}
    one, several = tmp_path / "one", tmp_path / "several"
    expected = maskwright.prep(**settings, output=one)
    assert [row["status"] for row in expected].count("refused") == 1

    cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    lost = cluster.add_node(num_cpus=1)
    finished_then: list[int] = []

    def lose() -> None:
        """Kill a machine once two shards are finished."""
        while (finished := len(list(several.glob("*.jsonl")))) < 2:
            time.sleep(0.01)
        finished_then.append(finished)
        cluster.remove_node(lost, allow_graceful=False)

    try:
        ray.init(address=cluster.address, log_to_driver=False)
        losing = threading.Thread(target=lose, daemon=True)
        losing.start()
        ledger = prepare_ray.prepare({**settings, "output": several}, actors=2)
        losing.join(60)
        assert not losing.is_alive()
        assert finished_then[0] < SHARDS
        assert ledger.schema == prepare_ray.LEDGER
        assert ledger.to_pylist() == expected
        assert contents(one) == contents(several)
        # Again: every shard is finished, and nothing is written.
        before = times(several)
        again = prepare_ray.prepare({**settings, "output": several})
        assert again.to_pylist() == expected
        assert times(several) == before
    finally:
        ray.shutdown()
        cluster.shutdown()


def contents(folder: Path) -> dict[str, bytes]:
    """Read all files of a folder; one that a lost machine left would be among them."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def times(folder: Path) -> dict[str, int]:
    """Read when the files of a folder were written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
