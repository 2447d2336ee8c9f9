"""Inputs that cannot be used: each is refused by a message that says what was expected and what was found."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files import picture, pictures, write_pairs

import maskwright
from maskwright import DataError, FileMissingError, Loader, SettingError

IMAGE, MASK = picture(0)


def loader(data: Any, **settings: Any) -> Loader:  # noqa: ANN401
    """Make a small loader."""
    return Loader(data, **{"batch_size": 1, "input_size": 64, "threads": 1, **settings})


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            (IMAGE.astype(np.float32), MASK),
            "data[0], image: expected a path, a PIL image, or a uint8 array of shape (height, width, 3) or"
            " (height, width), found float32 of shape (60, 90, 3)",
        ),
        (
            (IMAGE.transpose(2, 0, 1), MASK),
            "data[0], image: expected a path, a PIL image, or a uint8 array of shape (height, width, 3) or"
            " (height, width), found uint8 of shape (3, 60, 90)",
        ),
        (
            (IMAGE, MASK.astype(np.int64)),
            "data[0], mask: expected a bool or uint8 array of shape (height, width), above 128 on the object,"
            " or 0 and 1, found int64 of shape (60, 90)",
        ),
        (
            (IMAGE, None),
            "data[0], mask: expected a bool or uint8 array of shape (height, width), above 128 on the object,"
            " or 0 and 1, found nothing",
        ),
        (
            IMAGE,
            "data[0]: expected a pair (image, mask) or a dict with image and mask, found uint8 of shape"
            " (60, 90, 3)",
        ),
        (
            (IMAGE[:0, :0], MASK[:0, :0]),
            "data[0], image: expected pixels, found uint8 of shape (0, 0, 3)",
        ),
        (
            (IMAGE, MASK[:, :0]),
            "data[0], mask: expected pixels, found uint8 of shape (60, 0)",
        ),
        (
            (IMAGE, MASK, 3),
            "data[0]: expected a pair (image, mask) or a dict with image and mask, found a tuple of 3",
        ),
    ],
)
def test_items_that_are_none(item: Any, expected: str) -> None:  # noqa: ANN401
    with pytest.raises(SettingError) as caught:
        next(iter(loader([item])))
    assert str(caught.value) == expected
    assert caught.value.expected is not None and caught.value.found is not None
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        (MASK[:-1], "expected the same size"),
        (np.full_like(MASK, 7), "shows no object: no pixel is above 128 of 255"),
        (np.zeros_like(MASK), "shows no object: no pixel is above 128 of 255"),
        ([], "mask: expected the mask of at least one object, found none"),
        ([MASK, MASK[:-1]], "expected the same size"),
        ([MASK, [3]], r"mask 1: expected a bool or uint8 array .* found a list of 1"),
    ],
)
def test_masks_that_do_not_fit(masks: Any, expected: str) -> None:  # noqa: ANN401
    with pytest.raises(maskwright.Error, match=expected):
        next(iter(loader([(IMAGE, masks)], objects=2)))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            ([IMAGE, IMAGE], [MASK]),
            "data: expected as many masks as images (2), found 1",
        ),
        ([], "data: expected at least one item, found none"),
        ({}, "data: expected at least one set, found none"),
        (([], []), "data: expected at least one image, found none"),
        (
            7,
            "data: expected a path, a pair (images, masks) of folders or of sequences, a sequence of"
            " (image, mask), or a dict of such pairs, found a int",
        ),
        ({"a": "b"}, "data, set a: expected a pair (images, masks), found a str"),
        (
            {"a": (["x.png"], ["x.png", "y.png"])},
            "data, set a: expected as many masks as images (1), found 2",
        ),
        (
            {"a": (IMAGE, MASK)},
            "data, set a: expected a folder or a list of paths on either side, of the same in all sets,"
            " found uint8 of shape (60, 90, 3) and uint8 of shape (60, 90)",
        ),
    ],
)
def test_data_that_are_none(data: Any, expected: str) -> None:  # noqa: ANN401
    with pytest.raises(SettingError) as caught:
        loader(data)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"batch_size": 0}, "batch_size: expected a whole number from 1, found 0"),
        ({"batch_size": 2.0}, "batch_size: expected a whole number from 1, found 2.0"),
        ({"batch_size": 70000}, "loader.batch_size: expected 1 to 65536, found 70000"),
        ({"input_size": "64"}, "input_size: expected a whole number from 1, found '64'"),
        ({"objects": True}, "objects: expected a whole number from 1, found True"),
        ({"seed": -1}, "seed: expected a whole number from 0, found -1"),
        (
            {"rank": 2, "world_size": 2},
            "loader.rank: expected a rank below the world size, found 2 of 2",
        ),
        ({"threads": 5000}, "loader.workers: expected 1 to 1024 threads, found 5000"),
        ({"last_batch": "half"}, 'last_batch: expected "drop" or "keep", found "half"'),
        (
            {"refusal_budget": 2},
            "loader.on_refusal.budget: expected a share from 0 to 1, found 2",
        ),
        (
            {"plan": {"scale_min": 3.0}},
            "plan.scale_min, scale_max: expected 0 < scale_min <= scale_max <= 16, found 3 and 2",
        ),
        ({"split": "test"}, 'split: expected "train" or "valid", found "test"'),
        ({"split": None}, "split: expected a str, found None"),
        ({"last_batch": None}, "last_batch: expected a str, found None"),
        ({"refusal_budget": "x"}, "refusal_budget: expected a share from 0 to 1, found 'x'"),
        ({"ledger": 3}, "ledger: expected a path, found 3"),
        (
            {"plan": ["scale_min"]},
            "plan: expected a dict of the keys and values of [plan] in a data file, found ['scale_min']",
        ),
        (
            {"plan": {"scale_min": np.float32(0.5)}},
            "plan: expected a dict of the keys and values of [plan] in a data file, found Object of type float32"
            " is not JSON serializable",
        ),
    ],
)
def test_settings_that_cannot_be(folder: Path, settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(SettingError) as caught:
        loader(folder, **settings)
    assert str(caught.value) == expected


def test_a_misspelt_setting_is_named(folder: Path) -> None:
    with pytest.raises(SettingError, match=r"plan: expected the keys .* unknown field `scale_mn`"):
        loader(folder, plan={"scale_mn": 0.5})
    with pytest.raises(
        SettingError, match=r"prompts: expected the keys .* unknown field `scribble`"
    ):
        loader(folder, prompts={"kinds": {"scribble": 1}})
    with pytest.raises(TypeError, match="batchsize"):
        Loader(folder, batchsize=3)  # type: ignore[call-arg]


def test_paths_that_hold_no_set(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError) as missing:
        loader(tmp_path / "gone")
    assert missing.value.path == str(tmp_path / "gone")
    with pytest.raises(FileMissingError, match="the folder of its masks does not exist") as lost:
        write_pairs(tmp_path / "set", 1)
        loader((tmp_path / "set/images", tmp_path / "set/mask"))
    assert lost.value.path == str(tmp_path / "set/mask")
    with pytest.raises(DataError, match="found 1 images alone"):
        loader(tmp_path / "set/images")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="expected one data set"):
        loader(empty)
    with pytest.raises(
        DataError, match=r"expected a set to validate on \(split = \"valid\"\), found none"
    ):
        loader(tmp_path / "set", split="valid")
    written = tmp_path / "data.toml"
    written.write_text("[[train]]\nname = 'a'\nimage = 'b'\n")
    with pytest.raises(SettingError, match="line 3: unknown key `image`") as key:
        loader(written)
    assert key.value.path == str(written)


def test_a_missing_file_in_the_middle_is_named(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path / "set", 5)
    images[2].unlink()
    with pytest.raises(FileMissingError) as caught:
        list(loader((images, masks)))
    assert caught.value.path == str(images[2])
    assert str(images[2]) in str(caught.value)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path / "set", 3)
    images[1].write_bytes(b"no picture")
    with pytest.raises(DataError, match="not an image of a known format") as caught:
        list(loader((images, masks)))
    assert caught.value.path == str(images[1])


def test_a_state_of_something_else_is_refused(folder: Path) -> None:
    state = loader(folder, seed=1).state_dict()
    with pytest.raises(SettingError, match="expected the seed 2, found 1") as caught:
        loader(folder, seed=2).load_state_dict(state)
    assert (caught.value.expected, caught.value.found) == ("2", "1")
    with pytest.raises(SettingError, match="expected the number of records 4, found 11"):
        loader(pictures(4), seed=1).load_state_dict(state)
    with pytest.raises(SettingError, match="expected a dict of epoch, position, seed, records"):
        loader(folder).load_state_dict({"epoch": 1})
    with pytest.raises(SettingError, match="records, found None"):
        loader(folder).load_state_dict(None)  # type: ignore[arg-type]


def test_data_that_raise_stop_iteration_do_not_end_the_epoch() -> None:
    class Ends:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> Any:  # noqa: ANN401
            raise StopIteration

    with pytest.raises(RuntimeError, match="the loader's data raised StopIteration"):
        list(loader(Ends()))


def test_exceptions_can_be_pickled() -> None:
    for kind in (maskwright.Error, DataError, FileMissingError, SettingError):
        error = kind("a sentence", "a/file", "this", "that")
        copied = pickle.loads(pickle.dumps(error))
        assert type(copied) is kind and str(copied) == "a sentence"
        assert (copied.path, copied.expected, copied.found) == ("a/file", "this", "that")


def test_a_second_interpreter_is_refused_by_name() -> None:
    script = """
import maskwright
try:
    from concurrent.interpreters import create
    run = create().exec
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        import _interpreters as interpreters
    run = lambda code: interpreters.run_string(interpreters.create(), code)
run('''
try:
    import maskwright
except ImportError as error:
    print(error, flush=True)
''')
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    # By NumPy or by the compiled part, whichever is asked first.
    assert re.search("more than once per process|subinterpreters", done.stdout), done.stderr
