"""The drop-in for HQ-SAM's script, and its samples against PyTorch's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files import picture, png, write_pairs

import maskwright

torch = pytest.importorskip("torch")

from maskwright.torch import (  # noqa: E402  (it needs PyTorch)
    LargeScaleJitter,
    RandomHFlip,
    Resize,
    create_dataloaders,
    get_im_gt_name_dict,
)

REPOSITORY = Path(__file__).resolve().parents[2]


def dataset(root: Path, name: str, count: int) -> dict[str, str]:
    """Write a set and say where it is as HQ-SAM's script does."""
    write_pairs(root / name, count)
    return {
        "name": name,
        "im_dir": str(root / name / "images"),
        "gt_dir": str(root / name / "masks"),
        "im_ext": ".png",
        "gt_ext": ".png",
    }


def train_loader(root: Path, **settings: Any) -> Any:  # noqa: ANN401
    """Make a loader of two sets for training."""
    sets = [dataset(root, "A", 7), dataset(root, "B", 4)]
    listed = get_im_gt_name_dict(sets, flag="train")
    return create_dataloaders(
        listed,
        my_transforms=[RandomHFlip(), LargeScaleJitter(64)],
        batch_size=3,
        training=True,
        **settings,
    )


def test_lists_are_those_of_the_folders(tmp_path: Path) -> None:
    [listed] = get_im_gt_name_dict([dataset(tmp_path, "A", 3)], flag="train")
    assert listed["dataset_name"] == "A"
    for key, folder in (("im_path", "images"), ("gt_path", "masks")):
        expected = [str(tmp_path / "A" / folder / f"{number:03}.png") for number in range(3)]
        assert listed[key] == expected


def test_training_batches_are_what_the_script_reads(tmp_path: Path) -> None:
    loader, datasets = train_loader(tmp_path)
    assert (len(loader), len(datasets)) == (3, 11)
    loader.batch_sampler.sampler.set_epoch(2)
    seen = []
    for data in loader:
        assert set(data) == {"imidx", "image", "label", "shape"}
        assert (data["image"].dtype, data["image"].shape) == (torch.float32, (3, 3, 64, 64))
        assert (data["label"].dtype, data["label"].shape) == (torch.float32, (3, 1, 64, 64))
        assert data["shape"].tolist() == [[64, 64]] * 3
        assert data["image"].min() >= 0 and data["image"].max() <= 255
        assert (data["label"].amax((1, 2, 3)) > 128).all()
        seen.extend(data["imidx"].tolist())
    # Nine of the numbers 0 to 6 of A and 0 to 3 of B.
    assert len(seen) == 9
    assert all(seen.count(number) <= 2 for number in range(4))
    assert all(seen.count(number) <= 1 for number in range(4, 7))


def test_epochs_are_chosen_as_in_the_script(tmp_path: Path) -> None:
    loader, _ = train_loader(tmp_path, seed=1)

    def images(epoch: int) -> Any:  # noqa: ANN401
        loader.batch_sampler.sampler.set_epoch(epoch)
        return torch.cat([data["image"] for data in loader])

    first, second, again = images(0), images(1), images(0)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_the_seed_is_pytorchs(tmp_path: Path) -> None:
    def first(seed: int) -> Any:  # noqa: ANN401
        torch.manual_seed(seed)
        return next(iter(train_loader(tmp_path)[0]))["image"]

    one, other, again = first(1), first(2), first(1)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_evaluation_gives_the_masks_as_they_are(tmp_path: Path) -> None:
    listed = get_im_gt_name_dict([dataset(tmp_path, "A", 3), dataset(tmp_path, "B", 2)])
    loaders, datasets = create_dataloaders(
        listed, my_transforms=[Resize([64, 64])], batch_size=1, training=False
    )
    assert [len(each) for each in loaders] == [len(each) for each in datasets] == [3, 2]
    for loader, name in zip(loaders, "AB", strict=True):
        for number, data in enumerate(loader):
            image, mask = picture(number)
            assert data["imidx"].tolist() == [number]
            assert data["ori_label"].dtype == torch.uint8
            np.testing.assert_array_equal(data["ori_label"][0, 0].numpy(), mask)
            assert data["ori_im_path"] == [str(tmp_path / name / f"images/{number:03}.png")]
            assert data["ori_gt_path"] == [str(tmp_path / name / f"masks/{number:03}.png")]
            # PyTorch with one thread rounds as we do; the script truncates to uint8.
            stretched = interpolated(image.transpose(2, 0, 1), (64, 64))
            np.testing.assert_array_equal(data["image"][0].numpy(), np.trunc(stretched))
            label = interpolated(mask[None], (64, 64))
            np.testing.assert_allclose(data["label"][0].numpy(), label, atol=1e-3)


def interpolated(planes: Any, size: tuple[int, int]) -> Any:  # noqa: ANN401
    """Resize ``[c, h, w]`` as HQ-SAM's script does, with one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        pixels = torch.tensor(planes, dtype=torch.float32)[None]
        return torch.nn.functional.interpolate(pixels, size, mode="bilinear")[0].numpy()
    finally:
        torch.set_num_threads(before)


def test_training_samples_are_pytorchs_for_the_same_draws(tmp_path: Path) -> None:
    """The draws are computed again by the benchmark's reference, and the sampling is PyTorch's."""
    folder = REPOSITORY / "benches" / "python"
    if not (folder / "draws.py").is_file():
        pytest.skip("benches/python is not here")
    sys.path.insert(0, str(folder))
    try:
        from draws import draw_of
    finally:
        sys.path.remove(str(folder))
    write_pairs(tmp_path, 11)
    loader = maskwright.Loader(tmp_path, batch_size=11, input_size=64, seed=5)
    compared = 0
    for epoch in range(3):
        [batch] = loader
        for record, ours, label in zip(batch.records, batch.images, batch.labels, strict=True):
            image, mask = picture(int(record))
            view = draw_of(5, epoch, int(record)).view(*mask.shape, 64)
            (y, x), (rows, cols) = view.crop, view.visible
            parts = []
            for planes in (image.transpose(2, 0, 1), mask[None]):
                mirrored = planes[:, :, ::-1].copy() if view.flip else planes
                scaled = interpolated(mirrored, view.scaled)
                parts.append(scaled[:, y : y + rows, x : x + cols])
            # A crop without the object was drawn again.
            if not (parts[1] > 128).any():
                continue
            compared += 1
            np.testing.assert_array_equal(ours[:, :rows, :cols], np.trunc(parts[0]))
            np.testing.assert_allclose(label[:rows, :cols], parts[1][0], atol=1e-3)
            assert (ours[:, rows:] == 128).all() and (ours[:, :, cols:] == 128).all()
            assert (label[rows:] == 0).all() and (label[:, cols:] == 0).all()
    assert compared > 25


def test_transforms_of_the_script_run_behind_ours(tmp_path: Path) -> None:
    def halved(sample: dict[str, Any]) -> dict[str, Any]:
        assert sample["image"].shape == (3, 64, 64)
        return {**sample, "image": sample["image"] / 2}

    listed = get_im_gt_name_dict([dataset(tmp_path, "A", 4)])
    make: dict[str, Any] = {"batch_size": 2, "training": True, "seed": 3}
    plain, _ = create_dataloaders(listed, [LargeScaleJitter(64)], **make)
    made, _ = create_dataloaders(listed, [LargeScaleJitter(64), halved], **make)
    for one, other in zip(plain, made, strict=True):
        assert torch.equal(one["image"] / 2, other["image"])


@pytest.mark.parametrize(
    ("transforms", "training", "expected"),
    [
        ([RandomHFlip()], True, "expected one of LargeScaleJitter and Resize, found none"),
        ([print, Resize(64)], True, "found Resize behind others"),
        ([Resize(["5", "1", "2"])], False, "argparse's type=list makes letters of it"),
        ([Resize([64, 32])], False, r"found \[64, 32\]"),
        ([LargeScaleJitter(64)], False, "expected Resize, found LargeScaleJitter"),
        ([Resize(64), 7], False, "expected the transforms of maskwright.torch first"),
    ],
)
def test_transforms_that_cannot_be(
    tmp_path: Path, transforms: list[Any], training: bool, expected: str
) -> None:
    listed = get_im_gt_name_dict([dataset(tmp_path, "A", 2)])
    with pytest.raises(maskwright.SettingError, match=expected):
        create_dataloaders(listed, transforms, training=training)


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    where = dataset(tmp_path, "A", 3)
    (tmp_path / "A/masks/001.png").unlink()
    with pytest.raises(maskwright.FileMissingError) as caught:
        get_im_gt_name_dict([where])
    assert caught.value.path == str(tmp_path / "A/masks/001.png")
    with pytest.raises(maskwright.FileMissingError, match="the folder does not exist"):
        get_im_gt_name_dict([{**where, "im_dir": "gone"}])
    with pytest.raises(maskwright.DataError, match=r"expected files that end in \.jpg, found none"):
        get_im_gt_name_dict([{**where, "im_ext": ".jpg"}])


def test_masks_of_several_sizes_make_no_batch(tmp_path: Path) -> None:
    listed = get_im_gt_name_dict([dataset(tmp_path, "A", 3)])
    [loader], _ = create_dataloaders(listed, [Resize(64)], batch_size=2)
    with pytest.raises(maskwright.SettingError, match="or batch_size = 1"):
        next(iter(loader))


def test_a_script_after_hq_sams_learns(tmp_path: Path) -> None:
    """A small script after the interface of HQ-SAM's train.py: only its import line is ours."""
    bright = tmp_path / "bright"
    for folder in ("im", "gt"):
        (bright / folder).mkdir(parents=True)
    for number in range(12):
        image, mask = picture(number)
        (bright / "im" / f"{number}.png").write_bytes(png(image))
        (bright / "gt" / f"{number}.png").write_bytes(png(mask))
    where = {
        "name": "bright",
        "im_dir": str(bright / "im"),
        "gt_dir": str(bright / "gt"),
        "im_ext": ".png",
        "gt_ext": ".png",
    }
    torch.manual_seed(42)
    train_lists = get_im_gt_name_dict([where], flag="train")
    train_dataloaders, _ = create_dataloaders(
        train_lists,
        my_transforms=[RandomHFlip(), LargeScaleJitter(64)],
        batch_size=4,
        training=True,
    )
    valid_lists = get_im_gt_name_dict([where], flag="valid")
    valid_dataloaders, _ = create_dataloaders(
        valid_lists, my_transforms=[Resize([64, 64])], batch_size=1, training=False
    )
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 1, 3, padding=1)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    losses = []
    for epoch in range(8):
        train_dataloaders.batch_sampler.sampler.set_epoch(epoch)
        total = 0.0
        for data in train_dataloaders:
            inputs, labels = data["image"], data["label"]
            logits = net((inputs - 128) / 64)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels / 255)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(train_dataloaders))
    assert losses[-1] < 0.5 * losses[0], losses
    ious = []
    for data in valid_dataloaders[0]:
        logits = net((data["image"] - 128) / 64)
        size = data["ori_label"].shape[2:]
        masks = torch.nn.functional.interpolate(logits, size, mode="bilinear") > 0
        truth = data["ori_label"] > 128
        ious.append((masks & truth).sum().item() / (masks | truth).sum().item())
    assert np.mean(ious) > 0.8, ious
