"""Data prepared in shards on many machines, with Ray Data as the scheduler.

A row is the number of a shard. An actor opens the data once, with threads of its own, and makes one shard after
the other; it returns the shard's ledger as an Arrow table. Images and masks go from the files into the tar file and
never through Ray's object store::

    pip install maskwright "ray[data]"
    python prepare_ray.py photos --output prepared --shards 64 --longest-side 1024 --threads 8

Every machine has to see the data and the output folder under the same names. A shard whose actor or machine is lost
is made again on another one; the same command goes on with the shards that are not finished. A record that cannot be
used is a row of the ledger, ``prepared/ledger.parquet``. ``maskwright train --data prepared/data.toml`` trains on the
result.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any, cast

import maskwright
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray
from ray.exceptions import RayActorError

ATTEMPTS = 10
"""How often the work is begun anew where machines or actors are lost; finished shards are only read."""

WAIT = 300.0
"""Seconds that an actor waits for a lost one that still holds a shard: its machine may be slow to end it."""

CHECK = pa.struct(
    {"check": pa.string(), "severity": pa.string(), "object": pa.int64(), "detail": pa.string()}
)
LEDGER = pa.schema(
    {
        "role": pa.string(),
        "set": pa.string(),
        "index": pa.int64(),
        "record": pa.int64(),
        "name": pa.string(),
        "status": pa.string(),
        "reason": pa.string(),
        "checks": pa.list_(CHECK),
        "key": pa.string(),
        "image": pa.string(),
        "height": pa.int64(),
        "width": pa.int64(),
        "source_height": pa.int64(),
        "source_width": pa.int64(),
        "objects": pa.int64(),
        "objects_refused": pa.int64(),
        "embedding": pa.bool_(),
        "offset": pa.int64(),
        "bytes": pa.int64(),
    }
)
"""The columns of a ledger."""


class Actor:
    """Holds the opened data, and makes shards."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.preparer = maskwright.Preparer(**settings)

    def __call__(self, shards: dict[str, Any]) -> pa.Table:
        """Make the shards of these numbers and return their ledgers."""
        rows = []
        for shard in shards["id"]:
            rows += self.preparer.prepare(int(shard), wait=WAIT)
        return pa.Table.from_pylist(rows, schema=LEDGER)


def prepare(settings: dict[str, Any], actors: int = 1) -> pa.Table:
    """Make all shards on a running Ray, and return their ledgers in the order of the records.

    :param settings: those of ``maskwright.Preparer``; ``threads`` is the cores that an actor takes.
    :param actors: how many of them work at the same time, at most.
    """
    # Here as well, so that what is wrong with the data or the folder is said before an actor starts.
    count = len(maskwright.Preparer(**settings))
    # Ray would start a lost actor again and let its shards wait for it: for ever, on a cluster that has no room for
    # another one. So nothing is started again but the whole, as a task, which goes on with the actors that there can
    # be. Its process ends each time (``max_calls``), and with it the actors that it still holds, which have cores.
    again = {"num_cpus": 0, "max_calls": 1, "max_retries": ATTEMPTS}
    # Ray's types know no list of exceptions.
    remote = cast("Any", ray.remote)
    task = remote(**again, retry_exceptions=[RayActorError])(make)
    ledger: pa.Table = ray.get(task.remote(Actor, settings, count, actors))
    return ledger


def make(actor: type[Actor], settings: dict[str, Any], count: int, actors: int) -> pa.Table:
    """Make all shards; where an actor is lost, it is an error."""
    # Rows that are there take no core, of which the actors may have all.
    rows = [{"id": shard} for shard in range(count)]
    shards = ray.data.from_items(rows, override_num_blocks=count)
    ledgers = shards.map_batches(
        actor,
        fn_constructor_args=(settings,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=actors),
        num_cpus=max(1, settings.get("threads", 1)),
        max_restarts=0,
    )
    references: list[Any] = ledgers.to_arrow_refs()
    tables: list[pa.Table] = ray.get(references)
    order = [("role", "ascending"), ("index", "ascending")]
    return pa.concat_tables([table for table in tables if table.num_rows]).sort_by(order)


def main() -> None:
    """Prepare data as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("data", help="a data file, a folder, an annotation file or a tar file")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--shards", type=int, required=True)
    parser.add_argument("--longest-side", type=int, metavar="PIXELS")
    parser.add_argument("--checkpoint", help="the model for embeddings and masks")
    parser.add_argument("--embeddings", action="store_true")
    parser.add_argument("--auto-masks", action="store_true")
    parser.add_argument("--device", help="cpu, cuda or cuda:N")
    parser.add_argument("--threads", type=int, default=2, help="of each actor")
    parser.add_argument("--actors", type=int, default=1, help="that work at the same time")
    parser.add_argument("--address", help="of a running Ray; a local one is started without it")
    flags = vars(parser.parse_args())
    ray.init(address=flags.pop("address"))
    actors, output = flags.pop("actors"), flags["output"].resolve()
    data = Path(flags.pop("data")).resolve()
    settings = {name: value for name, value in flags.items() if value is not None}
    ledger = prepare({**settings, "data": data, "output": output}, actors)
    pq.write_table(ledger, output / "ledger.parquet")
    counts = Counter(ledger["status"].to_pylist())
    print(
        f"{output}: " + ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    )
    for row in ledger.filter(pc.field("status") == "refused").slice(0, 10).to_pylist():
        print(f"refused: {row['set']}/{row['name']}: {row['reason']}")


if __name__ == "__main__":
    main()
