"""Time maskwright and its opponents in turns, on the same files and draws, one thread each.

Every round makes new samples: each contestant in turn, in an order that shifts by one from round to
round, so that a machine that slows down or is shared hits all of them alike. What is compared is
CPU time, of the working thread for maskwright, of the whole process for the others. A table holds
the medians over the rounds of the milliseconds per sample and of the ratios within a round::

    python compare.py --rounds 10 --output ../record/DATE-data.md
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import tempfile
import time
from pathlib import Path

import contestants
import record_file
import report
from draws import draws_of
from opponent import NotAvailableError, Opponent, list_pairs
from ours import Ours, find_command, make_files

OURS = "maskwright"
VARIANTS: dict[str, tuple[int, int, str | None]] = {
    OURS: (1, 1, None),
    "maskwright_avx2": (1, 1, "avx2"),
    "maskwright_2_threads": (2, 8, None),
}
"""Threads, repeats and forced instruction set of the ways in which maskwright runs.

Two threads make all samples several times, since at the end one of them waits for the other's last
sample: of 40 samples once over, a few percent of the wall time, which no loader loses.
"""

WARM_UP = 4
"""Samples that each opponent makes before the clock runs, for imports and first allocations."""


def main() -> None:
    """Compare and print the record; write it where asked."""
    flags = parse()
    command = find_command(flags.maskwright)
    contestants.one_thread()
    with tempfile.TemporaryDirectory() as folder:
        images, masks = flags.images, flags.masks
        if images is None:
            images, masks = make_files(command, Path(folder), flags.count)
        record = compare(flags, Ours(command, images, masks, flags.size))
    record.files.seeded = flags.images is None
    text = report.markdown(record)
    print(text)
    record_file.write(flags.output, text)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--images", type=Path, help="default: maskwright's seeded set of files")
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--count", type=int, default=40, help="pairs of the seeded set")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--draws", type=int, default=2, help="samples of each image in a round")
    parser.add_argument("--seed", type=int, default=42, help="of the first round; then the next")
    parser.add_argument("--only", nargs="+", choices=contestants.CLASSES, help="opponents")
    parser.add_argument("--maskwright", type=Path, help="the command, if not target/release's")
    parser.add_argument("--output", type=Path, help="a file for the record")
    flags = parser.parse_args()
    if (flags.images is None) != (flags.masks is None):
        parser.error("--images and --masks go together")
    if min(flags.rounds, flags.draws, flags.count, flags.size) < 1:
        parser.error("--rounds, --draws, --count and --size are 1 or more")
    return flags


def compare(flags: argparse.Namespace, ours: Ours) -> report.Record:
    """Run all rounds."""
    pairs = list_pairs(ours.images, ours.masks)
    per_round = flags.draws * len(pairs)
    seeds = range(flags.seed, flags.seed + flags.rounds)
    draws = [draw for seed in seeds for draw in draws_of(seed, range(flags.draws), len(pairs))]
    record = report.Record(
        date=datetime.date.today().isoformat(),
        rounds=flags.rounds,
        per_round=per_round,
        size=flags.size,
        files=report.describe_files(pairs),
        load=[os.getloadavg()[0]],
    )
    opponents: dict[str, Opponent] = {}
    for name in flags.only or contestants.CLASSES:
        try:
            kind = contestants.load(name)
            opponents[name] = kind(pairs, draws, flags.size)
            record.about[name] = kind.about
        except NotAvailableError as error:
            record.missing[name] = str(error)
            continue
        for index in range(min(WARM_UP, len(draws))):
            opponents[name].sample(index)

    turns = [*VARIANTS, *opponents]
    for number, seed in enumerate(seeds):
        shift = number % len(turns)
        for name in turns[shift:] + turns[:shift]:
            if name in record.missing:
                continue
            if name in opponents:
                first = number * per_round
                ms = cpu_ms(opponents[name], range(first, first + per_round))
                record.ms.setdefault(name, []).append(ms)
                continue
            threads, repeat, simd = VARIANTS[name]
            try:
                answer = ours.bench(seed, flags.draws, threads, repeat, simd)
            except NotAvailableError as error:
                if name == OURS:
                    raise SystemExit(str(error)) from error
                record.missing[name] = str(error)
                continue
            record.ms.setdefault(name, []).append(answer["cpu_ms_per_sample"])
            record.answers.setdefault(name, []).append(answer)
        print(f"round {number + 1} of {flags.rounds}", file=sys.stderr)
    record.load.append(os.getloadavg()[0])
    return record


def cpu_ms(opponent: Opponent, indices: range) -> float:
    """CPU time of this process, all of its threads, per sample in milliseconds."""
    start = time.process_time()
    for index in indices:
        opponent.sample(index)
    return 1000 * (time.process_time() - start) / len(indices)


if __name__ == "__main__":
    main()
