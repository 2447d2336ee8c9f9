"""Time maskwright's loader from Python beside PyTorch's ``DataLoader`` with other transforms.

Every contestant delivers batches of torch tensors, image, label and the drawn prompt, of the same
files and the same draws, with two threads or two worker processes. Each runs in a process of its
own, in turns; what is measured is the wall time of whole epochs with their start, the time to the
first batch, and, in another pass, since looking at it stops a process for a moment, the memory that
the process and its workers have at most (their proportional share of it, PSS), in all and beyond
what the process has once PyTorch is imported. Rust's loader is timed over an epoch behind its first
one, and so it is compared with the second half of ours::

    python loader.py --rounds 3 --output ../record/DATE-python-loader.md

The wheel has to be installed: ``cargo xtask wheel``, then pip.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import contestants
import machine
import record_file
import report
from draws import Draw, draws_of
from opponent import NotAvailableError, Opponent, Pair, list_pairs
from ours import Ours, find_command, make_files

OURS = "maskwright"
DROP_IN = "maskwright_torch"
ABOUT = {
    OURS: "`maskwright.Loader`, 2 threads",
    DROP_IN: "`maskwright.torch`, as HQ-SAM's script reads it (float32), 2 threads",
}
WORKERS = 2
BATCH = 4


class OpponentSet(torch.utils.data.Dataset[Any]):
    """An opponent's samples as PyTorch's loader takes them."""

    def __init__(self, name: str, pairs: list[Pair], draws: list[Draw], size: int) -> None:
        self.name, self.pairs, self.draws, self.size = name, pairs, draws, size
        self.opponent: Opponent | None = None

    def __len__(self) -> int:
        return len(self.draws)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if self.opponent is None:
            contestants.one_thread()
            self.opponent = contestants.load(self.name)(self.pairs, self.draws, self.size)
        sample = self.opponent.sample(index)
        # DALI's arrays are its own, and valid until the next batch.
        image, label = (
            (sample.image.copy(), sample.label.copy())
            if self.name == "dali"
            else (sample.image, sample.label)
        )
        prompt = sample.prompts[self.draws[index].kind]
        return torch.as_tensor(image), torch.as_tensor(label), torch.as_tensor(prompt)


def together(samples: list[Any]) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Stack images and labels; prompts are of several kinds and stay a list."""
    images, labels, prompts = zip(*samples, strict=True)
    return torch.stack(images), torch.stack(labels), list(prompts)


def batches(name: str, flags: argparse.Namespace) -> Iterator[torch.Tensor]:
    """Give the images of all epochs' batches."""
    if name in (OURS, DROP_IN):
        yield from our_batches(name, flags)
        return
    pairs = list_pairs(flags.images, flags.masks)
    draws = draws_of(flags.seed, range(flags.epochs), len(pairs))
    loader = torch.utils.data.DataLoader(
        OpponentSet(name, pairs, draws, flags.size),
        batch_size=BATCH,
        num_workers=WORKERS,
        collate_fn=together,
    )
    for images, _, _ in loader:
        yield images


def our_batches(name: str, flags: argparse.Namespace) -> Iterator[torch.Tensor]:
    """Give those of our two loaders."""
    import maskwright

    if name == DROP_IN:
        from maskwright.torch import LargeScaleJitter, RandomHFlip, create_dataloaders

        pairs = list_pairs(flags.images, flags.masks)
        files = {
            "dataset_name": "files",
            "im_path": [pair.image for pair in pairs],
            "gt_path": [pair.mask for pair in pairs],
        }
        transforms = [RandomHFlip(), LargeScaleJitter(flags.size)]
        settings = {"training": True, "threads": WORKERS, "seed": flags.seed}
        made, _ = create_dataloaders([files], transforms, BATCH, **settings)
        for epoch in range(flags.epochs):
            made.batch_sampler.sampler.set_epoch(epoch)
            for data in made:
                yield data["image"]
        return
    folders = (flags.images, flags.masks)
    loader = maskwright.Loader(folders, BATCH, flags.size, seed=flags.seed, threads=WORKERS)
    for epoch in range(flags.epochs):
        loader.set_epoch(epoch)
        for batch in loader:
            yield batch.to_torch()[0]


def measure(name: str, flags: argparse.Namespace) -> dict[str, float]:
    """Measure one contestant in this process."""
    if name not in ABOUT:
        contestants.load(name)
    begun = pss_mib(os.getpid())
    start = time.perf_counter()
    # When a batch came, and the images until then.
    came: list[tuple[float, int]] = []
    images = 0
    for batch in batches(name, flags):
        images += len(batch)
        came.append((time.perf_counter() - start, images))
    took = time.perf_counter() - start
    middle, until = came[len(came) // 2 - 1]
    peak = Peak()
    with peak:
        for _ in batches(name, flags):
            pass
    return {
        "images_per_s": images / took,
        "late_per_s": (images - until) / (took - middle),
        "first_s": came[0][0],
        "peak_mib": peak.mib,
        "own_mib": peak.mib - begun,
    }


class Peak:
    """The most memory that this process and its children have, looked at again and again."""

    def __init__(self) -> None:
        self.mib = 0.0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self) -> Peak:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()

    def watch(self) -> None:
        """Look ten times a second."""
        while not self.done.wait(0.1):
            self.mib = max(self.mib, sum(map(pss_mib, [os.getpid(), *children(os.getpid())])))


def children(process: int) -> list[int]:
    """The processes that a process started."""
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def pss_mib(process: int) -> float:
    """The memory of a process, of what is shared its share."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def contest(flags: argparse.Namespace) -> str:
    """Run all contestants in turns, and make the record."""
    names = [*ABOUT, *(flags.only or contestants.CLASSES)]
    about: dict[str, str] = {}
    found: dict[str, list[dict[str, float]]] = {}
    missing: dict[str, str] = {}
    load = [os.getloadavg()[0]]
    rust: list[float] = []
    ours = Ours(flags.maskwright, flags.images, flags.masks, flags.size)
    for number in range(flags.rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            if name in missing:
                continue
            try:
                answer = started(name, flags)
                about[name] = ABOUT.get(name) or contestants.load(name).about
            except NotAvailableError as error:
                missing[name] = str(error)
                continue
            found.setdefault(name, []).append(answer)
        rust.append(from_rust(ours, len(list_pairs(flags.images, flags.masks))))
        print(f"round {number + 1} of {flags.rounds}", file=sys.stderr)
    load.append(os.getloadavg()[0])
    return record(flags, about, found, missing, rust, load)


def started(name: str, flags: argparse.Namespace) -> dict[str, float]:
    """Measure a contestant in a process of its own."""
    line = [sys.executable, __file__, "--one", name, "--images", flags.images]
    line += ["--masks", flags.masks, "--size", flags.size, "--epochs", flags.epochs]
    line += ["--seed", flags.seed]
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotAvailableError(done.stderr.strip().splitlines()[-1])
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def from_rust(ours: Ours, count: int) -> float:
    """Images per second of the same loader without Python, over an epoch behind the first."""
    options = ["--size", ours.size, "--threads", WORKERS, "--samples", count, "--repeat", 1]
    answer = json.loads(ours.call("bench", "loader", *ours.files(), *options, "--json"))
    rate: float = answer["threads"][0]["loader_per_second"]
    return rate


def record(
    flags: argparse.Namespace,
    about: dict[str, str],
    found: dict[str, list[dict[str, float]]],
    missing: dict[str, str],
    rust: list[float],
    load: list[float],
) -> str:
    """Say what was found, as Markdown."""
    files = report.describe_files(list_pairs(flags.images, flags.masks))
    packages = ("maskwright", "torch", "torchvision", "opencv-python-headless", "simplejpeg")
    lines = [
        f"# Loaders from Python, {datetime.date.today().isoformat()}",
        "",
        f"`benches/python/loader.py`: {files.pairs} pairs into batches of {BATCH} samples of "
        f"{flags.size} x {flags.size} with {WORKERS} threads or worker processes, "
        f"{flags.epochs} epochs a round, {flags.rounds} rounds in turns, each contestant in a "
        "process of its own. Medians; ratios are medians of the ratios within a round. Rates "
        "contain the start. Memory is the most that the process and its workers had (PSS), in "
        "another pass, and what of it came after PyTorch was imported.",
        "",
        "| | images/s | ours / it | first batch, s | memory, MiB | ours / its "
        "| beyond PyTorch, MiB | ours / its |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    ours = found[OURS]

    def middle(values: list[float]) -> float:
        return statistics.median(values)

    for name, rounds in found.items():
        pairs = list(zip(ours, rounds, strict=True))

        def beside(key: str, pairs: list[Any] = pairs) -> str:
            return f"{middle([one[key] / it[key] for one, it in pairs]):.2f}"

        row = [
            about[name],
            f"{middle([it['images_per_s'] for it in rounds]):.1f}",
            beside("images_per_s"),
            f"{middle([it['first_s'] for it in rounds]):.2f}",
            f"{middle([it['peak_mib'] for it in rounds]):.0f}",
            beside("peak_mib"),
            f"{middle([it['own_mib'] for it in rounds]):.0f}",
            beside("own_mib"),
        ]
        lines.append(f"| {' | '.join(row)} |")
    lines += [f"| {name}: not run | {why} | | | | | | |" for name, why in missing.items()]
    from_python = middle([one["late_per_s"] / rate for one, rate in zip(ours, rust, strict=True)])
    cpu, cores = machine.processor()
    lines += [
        "",
        f"The same loader from Rust (`maskwright bench loader`), over an epoch behind the first: "
        f"{middle(rust):.1f} images/s; from Python {from_python:.2f} of it, over the second half.",
        "",
        f"Files: {files.pairs} pairs, {files.megapixels:.1f} megapixels on average, "
        f"{files.image_bits:.2f} and {files.mask_bits:.2f} bits a pixel.",
        "",
        f"{cpu}, {cores} cores; load {load[0]:.1f} to {load[1]:.1f}. {machine.versions(packages)}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure one contestant, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--images", type=Path, help="default: maskwright's seeded set of files")
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--count", type=int, default=160, help="pairs of the seeded set")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2, help="of a round")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--only", nargs="+", choices=contestants.CLASSES, help="opponents")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--maskwright", type=Path, help="the command, if not target/release's")
    parser.add_argument("--output", type=Path, help="a file for the record")
    flags = parser.parse_args()
    if flags.one is not None:
        print(json.dumps(measure(flags.one, flags)))
        return
    flags.maskwright = find_command(flags.maskwright)
    with tempfile.TemporaryDirectory() as folder:
        if flags.images is None:
            flags.images, flags.masks = make_files(flags.maskwright, Path(folder), flags.count)
        text = contest(flags)
    print(text)
    record_file.write(flags.output, text)


if __name__ == "__main__":
    main()
