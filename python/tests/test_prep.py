"""Data prepared in shards."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from files import write_pairs
from trained import train

import maskwright


def test_rows_are_those_of_the_ledger(folder: Path, tmp_path: Path) -> None:
    rows = maskwright.prep(folder, tmp_path / "out", shard=(1, 2))
    ledger = (tmp_path / "out" / "shard-000001.jsonl").read_text().splitlines()
    assert rows == [json.loads(line) for line in ledger]
    assert [row["name"] for row in rows] == [f"{number:03}" for number in range(5, 11)]
    assert not (tmp_path / "out" / "shard-000000.tar").exists()


def test_a_preparer_is_pickled_by_its_settings(folder: Path, tmp_path: Path) -> None:
    preparer = maskwright.Preparer(folder, tmp_path / "out", per_shard=4, longest_side=40)
    assert (len(preparer), preparer.records) == (3, 11)
    again = pickle.loads(pickle.dumps(preparer))
    rows = again.prepare(2)
    assert rows == preparer.prepare(2)
    assert all(max(row["height"], row["width"]) == 40 for row in rows)
    whole = [row for shard in range(3) for row in preparer.prepare(shard)]
    assert whole == maskwright.prep(folder, tmp_path / "out", per_shard=4, longest_side=40)


def test_the_result_trains(folder: Path, tmp_path: Path) -> None:
    maskwright.prep(folder, tmp_path / "out", shards=2)
    loader = maskwright.Loader(tmp_path / "out" / "data.toml", batch_size=2, input_size=64)
    assert sum(len(batch.images) for batch in loader) >= 10


def test_what_is_broken_is_a_row(folder: Path, tmp_path: Path) -> None:
    (folder / "images" / "003.png").write_bytes(b"no picture")
    rows = maskwright.prep(folder, tmp_path / "out")
    bad = [row for row in rows if row["status"] == "refused"]
    assert [(row["name"], row["objects"], row["bytes"]) for row in bad] == [("003", 0, 0)]
    assert bad[0]["reason"].startswith("not-an-image: ")


def test_a_model_finds_masks_in_images_alone(tmp_path: Path) -> None:
    write_pairs(tmp_path / "photos", 2)
    checkpoint = train(tmp_path)["checkpoint"]
    settings = {"points_per_side": 3, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
    rows = maskwright.prep(
        {"images": tmp_path / "photos" / "images"},
        tmp_path / "out",
        checkpoint=checkpoint,
        embeddings=True,
        auto_masks=settings,
    )
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert all(row["embedding"] and row["objects"] > 0 for row in rows)


def test_what_makes_no_sense_is_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(maskwright.SettingError, match="shard: expected 0 to 1 of 2, found 2"):
        maskwright.prep(folder, out, shard=(2, 2))
    with pytest.raises(maskwright.SettingError, match="per_shard: expected none beside shards"):
        maskwright.Preparer(folder, out, shards=2, per_shard=3)
    with pytest.raises(maskwright.SettingError, match="jpeg_quality: expected 1 to 100, found 0"):
        maskwright.Preparer(folder, out, jpeg_quality=0)
    with pytest.raises(maskwright.SettingError, match=r"model\.checkpoint: expected a checkpoint"):
        maskwright.Preparer(folder, out, embeddings=True)
    with pytest.raises(maskwright.SettingError, match="checkpoint: expected a checkpoint beside"):
        maskwright.Preparer(folder, out, device="cpu")
    maskwright.Preparer(folder, out, shards=2)
    with pytest.raises(maskwright.SettingError, match="shards: expected what the folder was begun"):
        maskwright.Preparer(folder, out, shards=3)
    with pytest.raises(maskwright.FileMissingError):
        maskwright.Preparer(tmp_path / "nowhere", out)
