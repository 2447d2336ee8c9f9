"""Time maskwright's model beside PyTorch's, in turns, two threads each.

PyTorch runs it in each of the ways of ``ways.py``: the public package as it is, with fused
attention, in bf16, compiled, and transformers' model. For each model and part all of them get ready
and then take turns, one measurement each in a round, so that a machine that is shared or slows down
hits all alike. Times are medians over the rounds, a ratio is the median of the ratios within a
round. The verdict is on the ratio to the fastest way that holds the accuracy of ``accuracy.py``,
which is measured first, on the same weights. On a machine with other work, CPU time is the one to
go by (``--busy``; PyTorch's threads then sleep while they wait, which would otherwise count)::

    python model.py --models vit_tiny vit_b --rounds 7 --output ../record/DATE-model.md
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import model_record
from accuracy import OURS, Shared, differences, prepare, worker
from model_record import MODELS, PARTS, Row
from ours import find_command
from turns import Contestant, ContestantError, measure_in_turns
from ways import WAYS


def compare(command: Path, shared: Shared, part: str, flags: argparse.Namespace) -> Row:
    """Measure one model and part, in turns."""
    ours = [str(command), "bench", "model", "--checkpoint", str(shared.weights)]
    ours += ["--precision", shared.precision]
    contestants = {OURS: Contestant([*ours, "--part", part, "--in-turns"], flags.busy)}
    missing = {}
    for name in flags.ways:
        lacks = WAYS[name].lacks(shared.model, part)
        if lacks is not None:
            missing[name] = lacks
            continue
        options: list[str | Path] = ["--way", name, "--weights", shared.weights]
        program = [str(word) for word in worker(shared.model, part, *options)]
        contestants[name] = Contestant(program, flags.busy, keeps_memory=flags.same_memory)
    measure_in_turns(list(contestants.values()), flags.rounds)
    failure = contestants[OURS].failure
    if failure is not None:
        raise SystemExit(f"{' '.join(ours)}: {failure}")
    for name, contestant in list(contestants.items()):
        if contestant.failure is not None:
            missing[name] = contestant.failure
            del contestants[name]
    return Row(shared.model, part, contestants, missing, flags.busy)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--maskwright", type=Path)
    parser.add_argument("--models", nargs="*", default=MODELS[:3], choices=MODELS)
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument(
        "--weights",
        nargs="*",
        default=[],
        metavar="MODEL=FILE",
        help="trained weights of the package (.pth); seeded ones if not given",
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--precision",
        choices=["f32", "bf16"],
        default="f32",
        help="what maskwright's frozen encoder multiplies in",
    )
    parser.add_argument("--busy", action="store_true", help="the machine has other work")
    parser.add_argument(
        "--same-memory",
        action="store_true",
        help="PyTorch keeps freed memory too, as maskwright does; the record says so",
    )
    parser.add_argument("--output", type=Path)
    flags = parser.parse_args()
    given = [each.split("=", 1) for each in flags.weights]
    if any(len(pair) != 2 or not Path(pair[1]).is_file() for pair in given):
        parser.error("--weights takes MODEL=FILE, and the file has to be there")
    flags.weights = {model: Path(file) for model, file in given}
    return flags


def main() -> None:
    """Compare, print and write the record, which is there after each row."""
    flags = parse()
    command = find_command(flags.maskwright)
    record = model_record.Record(
        rounds=flags.rounds,
        precision=flags.precision,
        busy=flags.busy,
        same_memory=flags.same_memory,
        trained=sorted(flags.weights),
        load=os.getloadavg()[0],
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model in flags.models:
            try:
                shared = prepare(command, model, flags.weights.get(model), folder, flags.precision)
                found, failures = differences(command, shared, flags.ways, folder)
            except ContestantError as error:
                raise SystemExit(f"{model}: {error}") from error
            record.differences[model], record.failures[model] = found, failures
            for part in flags.parts:
                record.rows.append(compare(command, shared, part, flags))
                print(*record.summary(record.rows[-1]), sep="  ", file=sys.stderr, flush=True)
                record.write(flags.output)
    print(record.markdown())


if __name__ == "__main__":
    main()
