"""``maskwright.train``, ``evaluate``, ``convert``, ``doctor``, ``preview`` and ``open_run`` on a small run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files import png, write_pairs
from trained import SIDE, settings, train

import maskwright

# Seconds. Ctrl-C is looked for every 100 milliseconds; the limit is against waiting for the work.
SOON = 5.0
"""Seconds within which Ctrl-C comes out."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of two epochs in ``run``."""
    folder: Path = tmp_path_factory.mktemp("trained")
    train(folder)
    return folder


@pytest.fixture
def quiet() -> Iterator[None]:
    """Remarks on fresh weights are not of interest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_a_callback_hears_every_step_epoch_and_validation(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    outcome = train(tmp_path, callback=heard.append)
    assert [one["kind"] for one in heard] == ["step"] * 3 + ["epoch", "validation"] + [
        "step"
    ] * 3 + [
        "epoch",
        "validation",
    ]
    # 75% of 8 pairs train, two in a step.
    assert [one["global_step"] for one in heard if one["kind"] == "step"] == [1, 2, 3, 4, 5, 6]
    assert all(one["loss"] > 0 and one["bce"] > 0 and one["dice"] > 0 for one in heard[:3])
    assert heard[4]["validation"][0]["set"] == "rest"
    assert not outcome["stopped"]
    assert outcome["last"]["epoch"] == 1
    assert Path(outcome["checkpoint"]).is_file()
    assert (tmp_path / "run" / "report.html").is_file()


def test_returning_false_stops_and_a_resumed_run_ends_as_if_it_never_had(
    root: Path, quiet: None
) -> None:
    config = settings(root, "stopped")
    outcome = maskwright.train(config, lambda _: False)
    assert (outcome["stopped"], outcome["checkpoint"], outcome["last"]) == (True, None, None)
    assert not list((root / "stopped").glob("sam_hq_*"))
    resumed = maskwright.train(output=root / "stopped", resume=True)
    assert not resumed["stopped"]
    one, other = (maskwright.open_run(root / name).metrics() for name in ("run", "stopped"))
    assert np.array_equal(one["loss"], other["loss"])


def test_what_a_callback_raises_comes_out_with_the_state_saved(root: Path, quiet: None) -> None:
    class EnoughError(Exception):
        """Raised by the callback."""

    def callback(metrics: dict[str, Any]) -> None:
        if metrics["kind"] == "step" and metrics["global_step"] == 2:
            raise EnoughError("enough")

    with pytest.raises(EnoughError, match="enough"):
        maskwright.train(settings(root, "raised"), callback)
    assert list((root / "raised").glob("resume-*"))
    heard: list[Any] = []
    maskwright.train(output=root / "raised", resume=True, callback=heard.append)
    assert heard[0]["global_step"] == 3


def test_a_config_file_trains_as_its_dict(root: Path, quiet: None) -> None:
    content = (root / "run" / "config.toml").read_text(encoding="utf-8")
    file = root / "again.toml"
    file.write_text(content.replace(str(root / "run"), str(root / "again")), encoding="utf-8")
    maskwright.train(file, report=False)
    one, other = (maskwright.open_run(root / name) for name in ("run", "again"))
    assert np.array_equal(one.metrics()["loss"], other.metrics()["loss"])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"train": {"epoch": 3}}, maskwright.SettingError, ["unknown field", "epoch"]),
        ({"train": {"batch_size": 0}}, maskwright.SettingError, ["train.batch_size", "1 or more"]),
        ({"train": {"epochs": "three"}}, maskwright.SettingError, ["three"]),
        ({"data": {"train": []}}, maskwright.SettingError, ["train"]),
        ({"data": "nowhere"}, maskwright.FileMissingError, ["nowhere"]),
        ({"data": 7}, maskwright.SettingError, ["a path, or a dict", "int"]),
        ({"model": {"checkpoint": "none.pth"}}, maskwright.FileMissingError, ["none.pth"]),
        ({"train": {"seed": object()}}, maskwright.SettingError, ["texts, numbers", "object"]),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(
    root: Path, change: dict[str, Any], error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        maskwright.train({**settings(root, "refused"), **change})
    assert all(word in str(caught.value) for word in words), caught.value
    assert not (root / "refused" / "metrics.jsonl").exists()


def test_folders_of_runs_are_respected(root: Path) -> None:
    with pytest.raises(maskwright.RunError, match="holds a run already") as caught:
        maskwright.train(settings(root))
    assert caught.value.path == str(root / "run")
    with pytest.raises(maskwright.RunError, match="nothing to resume"):
        maskwright.train(output=root / "none", resume=True)
    with pytest.raises(maskwright.SettingError, match="config"):
        maskwright.train()
    with pytest.raises(maskwright.RunError, match=r"config\.toml"):
        maskwright.open_run(root)


def test_a_run_is_read_as_columns(root: Path) -> None:
    run = maskwright.open_run(root / "run")
    steps = run.metrics()
    assert steps["global_step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert {"loss", "bce", "dice", "learning_rate"} <= set(steps)
    assert {len(column) for column in steps.values()} == {6}
    assert steps["epoch"].dtype == np.int64
    assert steps["loss"].dtype == np.float64
    epochs = run.metrics("epoch")
    assert epochs["loss"][0] == pytest.approx(steps["loss"][:3].mean())
    scores = run.metrics("validation")
    assert scores["mask"].tolist() == ["sam", "hq", "sam_hq"] * 2
    assert run.config["train"]["batch_size"] == 2
    assert run.best is not None
    hq = scores["iou"][scores["mask"] == "hq"]
    assert run.best.epoch == int(np.argmax(hq))
    assert run.best.value == pytest.approx(hq.max())
    assert run.verdict is not None and run.verdict["best_epoch"] == run.best.epoch
    assert run.model == str(root / "run" / "best.safetensors")
    # It began from nothing: there is no model before.
    assert run.verdict["before"] is None and run.metrics("before") == {}
    assert Path(str(run.checkpoint)).name == "sam_hq_epoch_1.safetensors"
    with pytest.raises(maskwright.SettingError, match="step, epoch or validation"):
        run.metrics("steps")  # type: ignore[arg-type]


def test_an_evaluation_agrees_with_the_runs_own(root: Path) -> None:
    run = maskwright.open_run(root / "run")
    data = {"valid": run.config["data"]["valid"]}
    found = maskwright.evaluate(str(run.checkpoint), data, seed=run.config["train"]["seed"])
    assert run.validation is not None
    assert found["sets"] == run.validation["sets"]
    assert found["images"] == run.validation["images"]
    assert (found["geometry"], found["geometry_from"]) == ("longest_side", "checkpoint")
    assert found["times"]["images"] == 2
    # Of a folder, which validates nothing, all pairs are taken.
    clicked = maskwright.evaluate(str(run.checkpoint), root / "set", clicks={"most": 2}, limit=3)
    assert (clicked["sets"][0]["objects"], len(clicked["click_runs"]) > 0) == (3, True)
    with pytest.raises(maskwright.SettingError, match="noise_mask"):
        maskwright.evaluate(str(run.checkpoint), data, prompts=["boxes"])


def test_checkpoints_are_converted(root: Path, tmp_path: Path) -> None:
    checkpoint = str(maskwright.open_run(root / "run").checkpoint)
    done = maskwright.convert(checkpoint, tmp_path / "a.pth")
    assert done["files"] == [str(tmp_path / "a.pth")]
    maskwright.convert(tmp_path / "a.pth", tmp_path / "b.safetensors")
    with pytest.raises(maskwright.FileError, match="found a file or folder that is there"):
        maskwright.convert(checkpoint, tmp_path / "a.pth")
    with pytest.raises(maskwright.SettingError):
        maskwright.convert(checkpoint, tmp_path / "a.pth", to="jpeg")
    with pytest.raises(maskwright.ModelError) as caught:
        (tmp_path / "none.pth").write_bytes(b"no checkpoint")
        maskwright.convert(tmp_path / "none.pth", tmp_path / "c.pth")
    assert caught.value.path == str(tmp_path / "none.pth")


def test_the_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    write_pairs(tmp_path / "set", 4)
    assert [one for one in maskwright.doctor(tmp_path / "set") if one.severity == "error"] == []
    mask = tmp_path / "set" / "masks" / "001.png"
    height, width = 67, 85
    mask.write_bytes(png(np.ones((height, width), np.uint8)))
    pairs = {
        "name": "s",
        "images": tmp_path / "set" / "images",
        "masks": tmp_path / "set" / "masks",
    }
    for data in (tmp_path / "set", {"train": [pairs]}):
        found = {one.name: one for one in maskwright.doctor(data)}
        zero_one = found["zero-one-mask"]
        assert (zero_one.severity, zero_one.count, zero_one.records) == ("error", 1, 1)
        assert zero_one.fix is not None
        assert zero_one.instances[0].file == str(mask)
        assert zero_one.instances[0].record == 1
        assert str(zero_one).startswith("error: ")
    with pytest.raises(maskwright.FileMissingError):
        maskwright.doctor(tmp_path / "none")


def test_previews_are_pictures(root: Path, tmp_path: Path) -> None:
    drawn = maskwright.preview(root / "set", count=3, input_size=SIDE, tile=64, columns=2)
    picture = drawn.to_numpy()
    # Two rows of two tiles, each with three lines of 12 pixels and 2 more below and a gap of 6
    # around.
    assert picture.shape == (6 + 2 * 108, 6 + 2 * 70, 3)
    assert picture.dtype == np.uint8
    assert drawn._repr_png_().startswith(b"\x89PNG")
    assert [tile["set"] for tile in drawn.tiles] == ["set"] * 3
    drawn.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == drawn._repr_png_()
    one = maskwright.preview(root / "set", index=5, input_size=SIDE, tile=64)
    assert [tile["record"] for tile in one.tiles] == [5]
    for wrong in ({"tile": 8}, {"count": 0}, {"index": 99}, {"input_size": 65}):
        with pytest.raises(maskwright.SettingError):
            maskwright.preview(root / "set", **{"input_size": SIDE, "tile": 64, **wrong})


def interrupted(work: Callable[[], Any], after: float) -> float:
    """Press Ctrl-C while something works, and give the seconds until it comes out."""
    pressed: list[float] = []

    def press() -> None:
        time.sleep(after)
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        work()
    came_out = time.monotonic()
    thread.join()
    return came_out - pressed[0]


def test_ctrl_c_comes_out_soon_and_the_run_saves_its_state(root: Path, quiet: None) -> None:
    config = settings(root, "interrupted", epochs=10_000)
    config["validation"] = {"every_epochs": 100_000}
    assert interrupted(lambda: maskwright.train(config), after=1.5) < SOON
    # The next call waits until the state is there.
    heard: list[Any] = []

    def twice(metrics: dict[str, Any]) -> bool:
        heard.append(metrics)
        return len(heard) < 2

    maskwright.train(output=root / "interrupted", resume=True, callback=twice)
    assert list((root / "interrupted").glob("resume-*"))
    assert heard[0]["global_step"] > 1


def test_ctrl_c_ends_the_other_functions_soon(root: Path, tmp_path: Path) -> None:
    write_pairs(tmp_path / "set", 900)
    checkpoint = str(maskwright.open_run(root / "run").checkpoint)
    work: dict[str, Callable[[], Any]] = {
        "evaluate": lambda: [maskwright.evaluate(checkpoint, tmp_path / "set") for _ in range(50)],
        "doctor": lambda: [maskwright.doctor(tmp_path / "set") for _ in range(50)],
        "preview": lambda: [
            maskwright.preview(tmp_path / "set", count=20, input_size=1024) for _ in range(50)
        ],
    }
    took = {name: interrupted(call, after=0.4) for name, call in work.items()}
    assert max(took.values()) < SOON, took


def test_a_script_that_is_interrupted_saves_its_state_before_it_ends(root: Path) -> None:
    script = f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import maskwright
from pathlib import Path
from trained import settings
config = settings(Path({str(root)!r}), "script", epochs=10000)
config["validation"] = {{"every_epochs": 100000}}
maskwright.train(config, lambda one: print(one["global_step"], flush=True))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in told
    assert list((root / "script").glob("resume-*"))


def test_bars_are_shown_where_they_are_wanted(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    maskwright.doctor(root / "set", progress=True)
    assert "examining" in capsys.readouterr().err
    maskwright.doctor(root / "set")
    assert capsys.readouterr().err == ""


def test_remarks_are_warnings(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="all weights start fresh"):
        maskwright.train(settings(tmp_path), lambda _: False)


def test_settings_are_resolved_as_a_run_writes_them(root: Path) -> None:
    config = maskwright.open_run(root / "run").config
    assert json.loads(json.dumps(config)) == config
    assert config["optimizer"]["learning_rate"] == 1e-3
    assert config["output"] == str(root / "run")
