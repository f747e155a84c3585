"""Workers that fold an archive: on Ray beside processes of this machine, and how much memory each of them holds."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, Final, NamedTuple, TypeVar

import psycopg

from bench.apart import alone, peak_mebibytes
from bench.archive import WORKERS, write_archive
from bench.bench import Bench
from bench.findings import Findings, Goal
from bench.history import history, loaded
from bench.one_member import LONG
from bench.rounds import Contender, take_turns
from bench.site import EMPTY, Site, tidy
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.archive.place import place_at
from temple_ledger.infrastructure.archive.shared import shared_archive
from temple_ledger.infrastructure.commands.engine_options import database_of_worker
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.engines.engine import Buckets, Engine, Task
from temple_ledger.infrastructure.engines.local import LocalEngine
from temple_ledger.infrastructure.engines.ray_engine import THIS_MACHINE, RayEngine
from temple_ledger.infrastructure.read_models.rebuild.fold_buckets import FoldBuckets
from temple_ledger.infrastructure.read_models.rebuild.progress import Cut
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.projections.members import members

LOCAL: Final = "fold on this machine"
RAY: Final = "fold on Ray, after its start"
MEMORY: Final = "memory of a worker, the longest log"
ONE: Final = "memory of a worker, one member with all events"
ONE_TENTH: Final = "the same with a tenth of them"
MOST_MEBIBYTES: Final = 400.0

GROWN = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
    select gen_random_uuid(), timestamp, event_type, user_id || ' ' || number, action, target, metadata, source
    from webhook_audit_log cross join generate_series(2, {times}) as number
"""

Returned = TypeVar("Returned")


class Done(NamedTuple):
    """By the clock of the machine, which all its processes share."""

    result: Any
    begun: float
    ended: float
    mebibytes: float


class Spent(NamedTuple):
    seconds: float
    mebibytes: float


@dataclass(frozen=True)
class Timed:
    task: Task[Any]

    def __call__(self, database: Database, buckets: Buckets) -> Done:
        begun = monotonic()
        return Done(self.task(database, buckets), begun, monotonic(), peak_mebibytes())


@dataclass
class Watched:
    """From the first task's beginning to the last one's end: an engine's own start does not count."""

    engine: Engine
    begun: float = inf
    ended: float = 0.0
    mebibytes: float = 0.0

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        for buckets, done in self.engine.run(Timed(task), shares, within=within):
            self.begun = min(self.begun, done.begun)
            self.ended = max(self.ended, done.ended)
            self.mebibytes = max(self.mebibytes, done.mebibytes)
            result: Returned = done.result
            yield buckets, result


def measure(bench: Bench) -> Findings:
    site, sizes = bench.site, bench.sizes
    length, longest = sizes.rebuilt_lengths
    template = loaded(site, history(site, length, sizes.rebuilt_members))
    folder = site.folder / "of-workers"
    shutil.rmtree(folder, ignore_errors=True)
    alone(write_archive, site.dsn(template), folder)
    contenders: dict[str, Contender] = {
        LOCAL: partial(_folded, site, template, folder, LOCAL, on_ray=False),
        RAY: partial(_folded, site, template, folder, RAY, on_ray=True),
    }
    times = take_turns(contenders, sizes.rounds, bench.say)
    held = take_turns(
        {
            MEMORY: partial(_memory, site, template, MEMORY, GROWN.format(times=longest // length)),
            ONE: partial(_memory, site, EMPTY, ONE, LONG.format(events=length)),
            ONE_TENTH: partial(_memory, site, EMPTY, ONE_TENTH, LONG.format(events=length // 10)),
        },
        1,
        bench.say,
    )
    seconds = {name: times.series(name, "s") for name in (LOCAL, RAY)}
    mebibytes = {name: held.series(name, "MiB") for name in (MEMORY, ONE, ONE_TENTH)}
    return Findings(
        bench="archive_workers",
        title="Workers that fold an archive",
        how=(
            f"`members` folded from an archive of {length:,} events by {WORKERS} workers, from the first task's "
            "beginning to the last one's end: processes of this machine, and a Ray cluster that is begun here. Memory "
            f"is the most that any worker has held: with {longest:,} events (the same several times over, of other "
            f"members), and with one member who has {length:,} events, and a tenth of them."
        ),
        series=(*seconds.values(), *mebibytes.values()),
        goals=(
            Goal("ray_over_local", seconds[RAY].over(seconds[LOCAL], "Ray over local"), target=1.3, at_least=False),
            Goal("memory", mebibytes[MEMORY], target=MOST_MEBIBYTES, at_least=False),
            Goal(
                "one_member",
                mebibytes[ONE].over(mebibytes[ONE_TENTH], "one member's memory, ten times the events"),
                target=1.25,
                at_least=False,
            ),
        ),
        load=(*times.load, *held.load),
    )


def _folded(site: Site, template: str, folder: Path, name: str, *, on_ray: bool) -> Mapping[str, float]:
    with site.copy(template) as dsn:
        return {name: alone(fold_watched, dsn, folder, on_ray).seconds}


def _memory(site: Site, template: str, name: str, grow: str) -> Mapping[str, float]:
    folder = site.folder / "of-one-size"
    shutil.rmtree(folder, ignore_errors=True)
    with site.copy(template) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(grow.encode())
        tidy(dsn)
        alone(write_archive, dsn, folder)
        return {name: alone(fold_watched, dsn, folder, False).mebibytes}


def fold_watched(dsn: str, folder: Path, on_ray: bool) -> Spent:
    database = Database(dsn)
    archive = shared_archive(database, place_at(str(folder)))
    engine = Watched(
        RayEngine(THIS_MACHINE, WORKERS, database, database_of_worker) if on_ray else LocalEngine(database, WORKERS)
    )
    with Rebuild(database, members, catalogue=CATALOGUE, cut=Cut.BUCKETS) as rebuild:
        rebuild.fold_buckets(lambda claimed: FoldBuckets(archive, *claimed), engine, workers=WORKERS)
        rebuild.clear()
    return Spent(engine.ended - engine.begun, engine.mebibytes)
