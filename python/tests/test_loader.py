"""The loader: what it gives, from what, and how it goes on."""

from __future__ import annotations

import pickle
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files import picture, pictures, png, write_pairs

import maskwright
from maskwright import Batch, Loader

SIZE = 64


def loader(data: Any, **settings: Any) -> Loader:  # noqa: ANN401
    """Make a small loader."""
    return Loader(
        data, **{"batch_size": 2, "input_size": SIZE, "seed": 5, "threads": 2, **settings}
    )


def assert_equal(ours: Batch, theirs: Batch) -> None:
    """Compare all that a model sees of two batches."""
    np.testing.assert_array_equal(ours.images, theirs.images)
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    np.testing.assert_array_equal(ours.image_of, theirs.image_of)
    np.testing.assert_array_equal(ours.records, theirs.records)
    for one, other in zip(ours.prompts, theirs.prompts, strict=True):
        assert one.kind == other.kind
        for part in ("box", "points", "point_labels", "mask"):
            np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


def assert_all_equal(ours: list[Batch], theirs: list[Batch]) -> None:
    """Compare several batches."""
    for one, other in zip(ours, theirs, strict=True):
        assert_equal(one, other)


def test_a_batch_is_arrays_of_what_it_says(folder: Path) -> None:
    with loader(folder, batch_size=4) as made:
        assert len(made) == 2
        batches = list(made)
    assert [batch.index for batch in batches] == [0, 1]
    assert len({int(record) for batch in batches for record in batch.records}) == 8
    for batch in batches:
        assert batch.images.shape == (4, 3, SIZE, SIZE)
        assert batch.labels.shape == (4, SIZE, SIZE)
        assert [batch.images.dtype, batch.labels.dtype] == ["uint8", "float32"]
        assert batch.image_of.tolist() == [0, 1, 2, 3]
        assert batch.names == [f"{record:03}" for record in batch.records]
        assert set(batch.sets) == {"set"}
        assert batch.ignored is None
        assert batch.images.flags.writeable and batch.images.flags.c_contiguous
        for label, prompt in zip(batch.labels, batch.prompts, strict=True):
            check_prompt(label, prompt)
    kinds = {prompt.kind for batch in batches for prompt in batch.prompts}
    assert kinds <= {"box", "points", "noise_mask"}


def check_prompt(label: Any, prompt: maskwright.Prompt) -> None:  # noqa: ANN401
    """Hold a prompt to the label that it was drawn from."""
    foreground = label > 128
    given = [prompt.box is not None, prompt.points is not None, prompt.mask is not None]
    assert given == [prompt.kind == kind for kind in ("box", "points", "noise_mask")]
    if prompt.box is not None:
        rows, cols = np.nonzero(foreground)
        tight = [cols.min(), rows.min(), cols.max(), rows.max()]
        assert prompt.box.tolist() == [float(each) for each in tight]
    if prompt.points is not None:
        assert prompt.point_labels is not None
        assert prompt.point_labels.tolist() == [1] * 10
        assert all(foreground[int(y), int(x)] for x, y in prompt.points)
    if prompt.mask is not None:
        assert prompt.mask.shape == (SIZE // 4, SIZE // 4)
        assert set(np.unique(prompt.mask)) <= {0.0, 255.0}


def test_memory_is_shared_with_takers_of_dlpack(folder: Path) -> None:
    batch = next(iter(loader(folder)))
    for array in (batch.images, batch.labels):
        # The loader's own memory, seen through one change of shape.
        assert array.base is not None and not array.flags.owndata
        taken = np.from_dlpack(array)
        assert np.shares_memory(taken, array)
        array[...] = 3
        assert (taken == 3).all()


def test_the_same_pictures_are_the_same_samples_from_everywhere(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path / "set", 8)
    arrays, levels = pictures(8)
    bits = [mask > 0 for mask in levels]
    text = "[[train]]\nname = 'pairs'\nimages = 'set/images'\nmasks = 'set/masks'\n"
    (tmp_path / "data.toml").write_text(text)

    class Lazy:
        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"image": str(images[index]), "masks": levels[index]}

    expected = list(loader(tmp_path / "set"))
    for data in (
        str(tmp_path / "set"),
        tmp_path / "data.toml",
        (tmp_path / "set/images", tmp_path / "set/masks"),
        {"images": tmp_path / "set/images", "masks": tmp_path / "set/masks"},
        {"name": (tmp_path / "set/images", tmp_path / "set/masks")},
        {"name": (images, masks)},
        (images, masks),
        (arrays, levels),
        (arrays, bits),
        (arrays, [mask // 255 for mask in levels]),
        list(zip(images, masks, strict=True)),
        list(zip(arrays, masks, strict=True)),
        [{"image": image, "mask": mask} for image, mask in zip(images, bits, strict=True)],
        Lazy(),
    ):
        assert_all_equal(list(loader(data)), expected)


def test_arrays_may_lie_in_memory_in_any_way() -> None:
    arrays, levels = pictures(6)
    expected = list(loader((arrays, levels)))

    def read_only(array: Any) -> Any:  # noqa: ANN401
        array = array.copy()
        array.flags.writeable = False
        return array

    def strided(array: Any) -> Any:  # noqa: ANN401
        return np.repeat(array, 2, axis=1)[:, ::2]

    def turned(array: Any) -> Any:  # noqa: ANN401
        return array[::-1].copy()[::-1]

    for form in (np.asfortranarray, read_only, strided, turned):
        data = ([form(image) for image in arrays], [form(mask) for mask in levels])
        assert_all_equal(list(loader(data)), expected)


def test_several_objects_of_an_image() -> None:
    def item(number: int) -> tuple[Any, Any]:
        image, mask = picture(number)
        left = mask.copy()
        left[:, mask.shape[1] // 2 :] = 0
        return image, np.stack([mask, mask - left, left])

    whole = {"kind": "squash"}
    made = loader([item(number) for number in range(4)], objects=3, plan={"transforms": [whole]})
    for batch in made:
        assert batch.image_of.tolist() == [0, 0, 0, 1, 1, 1]
        # The squashed image shows all of them; of the three, one is the sum of the other two.
        areas = sorted((batch.labels[:3] > 128).sum(axis=(1, 2)))
        assert areas[0] + areas[1] == pytest.approx(areas[2], abs=SIZE)


def test_threads_do_not_matter(folder: Path) -> None:
    expected = list(loader(folder, threads=1))
    assert_all_equal(list(loader(folder, threads=4, prefetch=1)), expected)


def test_epochs_differ_and_come_again(folder: Path) -> None:
    made = loader(folder)
    first, second = list(made), list(made)
    assert [batch.epoch for batch in (first[0], second[0])] == [0, 1]
    assert not np.array_equal(first[0].images, second[0].images)
    made.set_epoch(0)
    assert_all_equal(list(made), first)
    made.set_epoch(1)
    assert_all_equal(list(made), second)


def test_who_counts_the_batches_gets_the_next_epoch(folder: Path) -> None:
    expected = loader(folder)
    made = loader(folder)
    for _ in range(2):
        assert_all_equal(list(islice(made, len(made))), list(expected))


def test_ranks_share_an_epoch(folder: Path) -> None:
    whole = list(loader(folder, batch_size=4))
    ranks = [list(loader(folder, rank=rank, world_size=2)) for rank in range(2)]
    assert [len(batches) for batches in ranks] == [2, 2]
    for step, batch in enumerate(whole):
        # Places of an epoch go round the ranks.
        for rank, batches in enumerate(ranks):
            np.testing.assert_array_equal(batches[step].images, batch.images[rank::2])


def test_ranks_are_torchruns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = list(loader(folder, rank=1, world_size=2))
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert_all_equal(list(loader(folder)), expected)


@pytest.mark.parametrize("done", range(6))
def test_a_state_goes_on_with_the_next_batch(folder: Path, done: int) -> None:
    whole = loader(folder)
    expected = [*whole, *whole]
    stopped = loader(folder)
    first = list(islice(stopped, done))
    state = stopped.state_dict()
    stopped.close()
    resumed = loader(folder, threads=1)
    resumed.load_state_dict(state)
    # As a script does it that knows its epoch.
    resumed.set_epoch(state["epoch"])
    assert_all_equal([*first, *resumed, *resumed][:10], expected[:10])


def test_a_pickled_loader_goes_on(folder: Path) -> None:
    for data in (folder, pictures(11)):
        whole = list(loader(data))
        stopped = loader(data)
        passed = iter(stopped)
        first = [next(passed), next(passed)]
        copied: Loader = pickle.loads(pickle.dumps(stopped))
        assert_all_equal([*first, *copied], whole)
        # The one that was pickled goes on as well.
        assert_all_equal([*first, *passed], whole)


def test_a_new_pass_ends_the_one_under_way(folder: Path) -> None:
    made = loader(folder)
    first = iter(made)
    begun = next(first)
    assert_equal(next(iter(made)), begun)
    with pytest.raises(maskwright.Error, match="another pass over it began"):
        next(first)


def test_a_refused_record_is_replaced_within_the_budget(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path / "set", 10)
    masks[3].write_bytes(png(np.zeros_like(picture(3)[1])))
    with pytest.raises(maskwright.DataError, match="shows no object") as caught:
        list(loader((images, masks)))
    assert caught.value.path == str(masks[3])
    ledger = tmp_path / "ledger.jsonl"
    made = loader((images, masks), refusal_budget=0.1, ledger=ledger)
    assert len(list(made)) == 5
    assert [(entry["name"], entry["reason"]) for entry in made.ledger] == [("003", "empty_mask")]
    assert len(ledger.read_text().splitlines()) == 1
    assert made.stats["refused"] == 1
    assert "waited" in made.stats["verdict"]


def test_after_an_error_comes_the_next_batch(tmp_path: Path) -> None:
    images, masks = write_pairs(tmp_path / "set", 10)
    masks[4].unlink()
    made = loader((images, masks))
    passed, failures = iter(made), []
    batches = 0
    while True:
        try:
            next(passed)
        except StopIteration:
            break
        except maskwright.FileMissingError as error:
            failures.append(error)
        else:
            batches += 1
    assert batches == 4
    assert [failure.path for failure in failures] == [str(masks[4])]
    assert isinstance(failures[0], FileNotFoundError)
    assert failures[0].filename == str(masks[4])
