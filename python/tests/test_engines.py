"""The loader in the loops of others: Lightning, Accelerate, transformers' Trainer, and JAX.

What is not installed is skipped by its name.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import maskwright
from maskwright import Batch, Loader

SIZE, BATCH, EPOCHS = 64, 4, 8
BATCHES = 2
"""Of an epoch of the eleven records."""


def loader(folder: Path, **settings: Any) -> Loader:  # noqa: ANN401
    """Make a loader of an epoch of two batches."""
    whole = {"transforms": [{"kind": "squash"}]}
    return Loader(folder, BATCH, SIZE, seed=1, threads=1, plan=whole, **settings)


def small(torch: Any) -> Any:  # noqa: ANN401
    """Make a model that finds bright pixels, the same each time."""
    torch.manual_seed(0)
    return torch.nn.Conv2d(3, 1, 5, padding=2)


def loss_of(torch: Any, net: Any, batch: Batch, device: Any) -> Any:  # noqa: ANN401
    """Compare what the model makes of a batch with its labels."""
    images, labels = batch.to_torch(device)
    logits = net(images.float() / 64 - 2)[batch.image_of, 0]
    truth = (labels > 128).float()
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)


def check(losses: list[float], places: list[tuple[int, int]]) -> None:
    """Hold a run to all batches of all epochs, and to a falling loss."""
    assert places == [(epoch, batch) for epoch in range(EPOCHS) for batch in range(BATCHES)]
    assert sum(losses[-2 * BATCHES :]) < 0.8 * sum(losses[: 2 * BATCHES])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("process", [False, True])
def test_a_plain_loop(folder: Path, process: bool) -> None:
    torch = pytest.importorskip("torch")
    net = small(torch)
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    losses, places = [], []
    with loader(folder, process=process) as batches:
        for _ in range(EPOCHS):
            for batch in batches:
                loss = loss_of(torch, net, batch, None)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(float(loss))
                places.append((batch.epoch, batch.index))
    check(losses, places)


def lightning_module(lightning: Any, torch: Any, losses: list[float], places: list[Any]) -> Any:  # noqa: ANN401
    """Make a module that notes what it does."""

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = small(torch)

        def training_step(self, batch: Batch, _: int) -> Any:  # noqa: ANN401
            loss = loss_of(torch, self.net, batch, self.device)
            losses.append(float(loss))
            places.append((batch.epoch, batch.index))
            return loss

        def configure_optimizers(self) -> Any:  # noqa: ANN401
            return torch.optim.Adam(self.parameters(), 0.02)

    return Module()


@pytest.mark.filterwarnings("ignore")
def test_lightning(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    lightning = pytest.importorskip("lightning")
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    settings = {"accelerator": "cpu", "enable_checkpointing": False, **quiet}
    losses: list[float] = []
    places: list[tuple[int, int]] = []
    module = lightning_module(lightning, torch, losses, places)
    lightning.Trainer(max_epochs=EPOCHS, **settings).fit(module, loader(folder))
    check(losses, places)


@pytest.mark.filterwarnings("ignore")
def test_accelerate(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    net = small(torch)
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    place = {"rank": accelerator.process_index, "world_size": accelerator.num_processes}
    batches = loader(folder, **place)
    net, optimizer, prepared = accelerator.prepare(net, optimizer, batches)
    assert prepared is batches
    losses, places = [], []
    for epoch in range(EPOCHS):
        batches.set_epoch(epoch)
        for batch in batches:
            loss = loss_of(torch, net, batch, accelerator.device)
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
            losses.append(float(loss))
            places.append((batch.epoch, batch.index))
    check(losses, places)


def dict_module(torch: Any, places: list[tuple[int, int]]) -> Any:  # noqa: ANN401
    """Make a model that takes the items of a dict and notes what it gets."""

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = small(torch)

        def forward(self, batch: Batch) -> dict[str, Any]:
            places.append((batch.epoch, batch.index))
            return {"loss": loss_of(torch, self.net, batch, None)}

    return Net()


class Inputs:
    """Batches as such dicts."""

    def __init__(self, batches: Loader) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[dict[str, Batch]]:
        return ({"batch": batch} for batch in self.batches)


def dict_trainer(transformers: Any, folder: Path) -> Any:  # noqa: ANN401
    """Make the class of trainers on the folder."""

    class Training(transformers.Trainer):
        def get_train_dataloader(self) -> Inputs:
            return Inputs(loader(folder))

    return Training


@pytest.mark.filterwarnings("ignore")
def test_the_trainer_of_transformers(folder: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    places: list[tuple[int, int]] = []

    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path / "run"),
        num_train_epochs=EPOCHS,
        learning_rate=0.02,
        lr_scheduler_type="constant",
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    net = dict_module(torch, places)
    trainer = dict_trainer(transformers, folder)(net, arguments)
    trainer.train()
    check([line["loss"] for line in trainer.state.log_history if "loss" in line], places)


@pytest.mark.parametrize("process", [False, True])
def test_jax(folder: Path, process: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jax = pytest.importorskip("jax")
    batch = next(iter(loader(folder, process=process)))
    for array in (batch.images, batch.labels):
        taken = jax.dlpack.from_dlpack(array)
        assert taken.dtype == array.dtype
        np.testing.assert_array_equal(np.asarray(taken), array)
        if process:
            # Arrays of the shared memory begin where JAX wants them to.
            assert taken.unsafe_buffer_pointer() == array.ctypes.data
    if process:
        assert jax.dlpack.from_dlpack(batch.images, copy=False).shape == batch.images.shape


def test_a_batch_is_no_collection_that_engines_take_apart(folder: Path) -> None:
    import dataclasses

    batch = next(iter(loader(folder)))
    assert not dataclasses.is_dataclass(batch)
    assert not isinstance(batch, tuple | list | dict)
    assert repr(batch) == "Batch(images=[4, 3, 64, 64], labels=[4, 64, 64], epoch=0, index=0)"
    assert repr(batch.prompts[0]).startswith(f"Prompt({batch.prompts[0].kind!r}, ")
    assert isinstance(batch, maskwright.Batch)
