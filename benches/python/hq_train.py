"""Time `maskwright train` beside HQ-SAM's training in PyTorch, in turns, on the same photographs.

Both train the HQ head of a model with fresh weights for one epoch, on the same views of the same
files, two threads each; validation is left out. What is compared is the time from the first batch
to the last step, and beside it what the whole process took, with start, weights and checkpoints::

    python hq_train.py --output ../record/DATE-hq-train.md
    python hq_train.py --images DIR --masks DIR --count 12 --ways eager_f32 sdpa_bf16
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import record_file
from machine import processor_for_products, versions
from opponent import Pair, list_pairs
from ours import find_command
from turns import SLEEP, THREADS, last_line
from ways import REFERENCE, WAYS

OURS = "maskwright"
OURS_BF16 = "maskwright, bf16"
ABOUT = {OURS: "maskwright, f32", OURS_BF16: "maskwright with `--precision bf16`"}
PACKAGES = ["torch", "segment_anything_hq", "scikit-image", "numpy"]


@dataclasses.dataclass
class Trainer:
    """A program that trains once, and what its runs took."""

    name: str
    command: list[str]
    training: list[float] = dataclasses.field(default_factory=list)
    """Seconds of the epoch's steps."""
    wall: list[float] = dataclasses.field(default_factory=list)
    """Seconds of the whole process."""
    cpu: list[float] = dataclasses.field(default_factory=list)
    """CPU seconds of the process and of those that it started."""
    peak_mib: int = 0
    """The most that a single process has held."""
    steps: int = 0
    failure: str | None = None

    def run(self, run_folder: Path, busy: bool) -> None:
        """Train once; a failure is kept."""
        environment = os.environ | THREADS | (SLEEP if busy else {})
        start = time.perf_counter()
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(self.command, stdout=out, stderr=said, env=environment)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.perf_counter() - start
            out.seek(0)
            said.seek(0)
            if process.returncode != 0:
                self.failure = last_line(said.read(), process.returncode)
                return
            seconds, self.steps = self.told(out.read(), run_folder)
        self.training.append(seconds)
        self.wall.append(wall)
        self.cpu.append(used.ru_utime + used.ru_stime)
        self.peak_mib = max(self.peak_mib, used.ru_maxrss // 1024)

    def told(self, text: str, run_folder: Path) -> tuple[float, int]:
        """Read the epoch's seconds and steps from what it wrote."""
        if self.name not in ABOUT:
            answer = json.loads(text)
            return answer["seconds"], answer["steps"]
        lines = (run_folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        entries = [json.loads(line) for line in lines]
        epoch = next(entry for entry in entries if entry["kind"] == "epoch")
        return epoch["seconds"], epoch["global_step"]


def trainers(
    command: Path, pairs: tuple[Path, Path], flags: argparse.Namespace, run_folder: Path
) -> list[Trainer]:
    """Give all programs."""
    images, masks = (str(folder) for folder in pairs)
    batch = str(flags.batch)
    ours = [str(command), "train", "--images", images, "--masks", masks, "--hold-out", "0"]
    ours += ["--from-scratch", "--model-type", flags.model, "--batch-size-train", batch]
    ours += ["--max-epoch-num", "1"]
    ours += ["--save-every", "0", "--output", str(run_folder), "--overwrite", "--json"]
    worker = str(Path(__file__).with_name("hq_train_torch.py"))
    theirs = [sys.executable, "-W", "ignore", worker, "--images", images, "--masks", masks]
    theirs += ["--variant", flags.model, "--batch", batch, "--way"]
    all_of = [Trainer(OURS, ours), *(Trainer(way, [*theirs, way]) for way in flags.ways)]
    if flags.bf16:
        all_of.insert(1, Trainer(OURS_BF16, [*ours, "--precision", "bf16"]))
    return all_of


def chosen(flags: argparse.Namespace, command: Path, folder: Path) -> tuple[Path, Path]:
    """Make a folder each of the images and masks to train on: links to the first of those given."""
    images, masks = flags.images, flags.masks
    if images is None:
        made = [str(command), "bench", "files", "--output", str(folder / "made")]
        made += ["--count", str(flags.count)]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
        images, masks = folder / "made" / "images", folder / "made" / "masks"
    into = folder / "images", folder / "masks"
    for each in into:
        each.mkdir()
    for pair in list_pairs(images, masks)[: flags.count]:
        link(pair, *into)
    return into


def link(pair: Pair, images: Path, masks: Path) -> None:
    """Show a pair in two folders."""
    (images / pair.image.name).symlink_to(pair.image.resolve())
    (masks / pair.mask.name).symlink_to(pair.mask.resolve())


def markdown(all_of: list[Trainer], flags: argparse.Namespace, count: int, load: float) -> str:
    """Give the record."""
    source = "seeded pictures of `maskwright bench files`"
    if flags.images is not None:
        source = "photographs with masks"
    ours = all_of[0]
    rounds = "1 round" if flags.rounds == 1 else f"{flags.rounds} rounds"
    lines = [
        f"# Training beside HQ-SAM's, {datetime.date.today().isoformat()}",
        "",
        f"The HQ head of {flags.model} learns for one epoch on {count} {source}, views of"
        f" 1024 x 1024, {flags.batch} images a step, two threads, fresh weights, no validation;"
        f" {rounds} in turns. `{REFERENCE}` is HQ-SAM's own way in PyTorch; other"
        " rows have the same loop with another image encoder, and without SAM's own decoder, whose"
        " results training does not use. Medians; the ratio (ours in f32 over theirs) is the median"
        " of the ratios within a round. The whole process includes start, fresh weights and"
        " what is written at the end (ours: checkpoints and a report; theirs: nothing). Made by"
        " `benches/python/hq_train.py`.",
        "",
        "| trainer | steps | s an image, training | ratio | s, whole process |"
        " CPU s, whole process | ratio | MiB, largest process |",
        "|---|" + "---:|" * 7,
    ]
    for one in all_of:
        title = ABOUT.get(one.name) or f"`{one.name}`: {WAYS[one.name].about}"
        if one.failure is not None:
            lines.append(f"| {title} | | | | | | | {one.failure} |")
            continue
        ratios = [
            f"{statistics.median(a / b for a, b in zip(*both, strict=True)):.2f}"
            for both in ((ours.training, one.training), (ours.cpu, one.cpu))
        ]
        image = statistics.median(one.training) / count
        wall, cpu = statistics.median(one.wall), statistics.median(one.cpu)
        figures = f"{one.steps} | {image:.2f} | {ratios[0]} | {wall:.0f} | {cpu:.0f} | {ratios[1]}"
        lines.append(f"| {title} | {figures} | {one.peak_mib} |")
    busy = (
        "The machine had other work meanwhile: CPU time is the one to go by. " if flags.busy else ""
    )
    return "\n".join(
        [
            *lines,
            "",
            f"{busy}{processor_for_products()}; load {load:.1f} at the start,"
            f" {os.getloadavg()[0]:.1f} at the end, of which this comparison is 2.",
            "",
            f"{versions(PACKAGES)}.",
            "",
        ]
    )


def main() -> None:
    """Train in turns, print and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--images", type=Path, help="default: maskwright's seeded set of files")
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--count", type=int, default=12, help="photographs to train on")
    parser.add_argument("--model", default="vit_b", choices=["vit_tiny", "vit_b", "vit_l", "vit_h"])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=[REFERENCE, "sdpa_bf16"])
    parser.add_argument("--bf16", action="store_true", help="ours in bf16, too")
    parser.add_argument("--busy", action="store_true", help="the machine has other work")
    parser.add_argument("--maskwright", type=Path, help="the command, if not target/release's")
    parser.add_argument("--output", type=Path, help="a file for the record")
    flags = parser.parse_args()
    if (flags.images is None) != (flags.masks is None):
        parser.error("--images and --masks go together")
    if any(WAYS[name].transformers for name in flags.ways):
        parser.error("--ways: transformers' model takes its weights from a file, which is not here")
    command = find_command(flags.maskwright)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pairs = chosen(flags, command, folder)
        count = len(list(pairs[0].iterdir()))
        all_of = trainers(command, pairs, flags, folder / "run")
        for number in range(flags.rounds):
            for trainer in all_of if number % 2 == 0 else reversed(all_of):
                if trainer.failure is None:
                    trainer.run(folder / "run", flags.busy)
                    told = trainer.failure or f"{trainer.training[-1]:.1f} s of training"
                    print(f"round {number + 1}, {trainer.name}: {told}", file=sys.stderr)
    if all_of[0].failure is not None:
        raise SystemExit(f"maskwright train: {all_of[0].failure}")
    text = markdown(all_of, flags, count, load)
    print(text)
    record_file.write(flags.output, text)


if __name__ == "__main__":
    main()
