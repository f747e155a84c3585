"""Replay, verify and the SQL canon as a process of their own would run them."""

import resource
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

from bench.apart import peak_mebibytes
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.member_log.walk import one_snapshot, snapshot_connection
from temple_ledger.infrastructure.read_models.rebuild.apply import Limit
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.since_last import verify_since_last
from temple_ledger.infrastructure.read_models.verification.stored_results import store
from temple_ledger.projections.members import members

ANY: Limit = Limit(share=None)


@dataclass(frozen=True)
class Replayed:
    """`seconds` is all of it: fold, compare, apply."""

    seconds: float
    events: int
    changed_members: int
    apply_seconds: float
    peak_mebibytes: float


def replay(dsn: str, workers: int) -> Replayed:
    """Of `members`, whatever differs; memory is that of the largest process."""
    started = perf_counter()
    with Rebuild(Database(dsn), members, catalogue=CATALOGUE, to_be_applied=True) as rebuild:
        folded = rebuild.fold(workers=workers)
        shown = rebuild.compare()
        applying = perf_counter()
        applied = rebuild.apply(shown, by="bench", limit=ANY)
    ended = perf_counter()
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Replayed(
        ended - started,
        folded.events,
        applied.changed_members,
        ended - applying,
        max(peak_mebibytes(), children),
    )


@dataclass(frozen=True)
class Compared:
    seconds: float
    members: int
    peak_mebibytes: float


def verify_in_full(dsn: str) -> Compared:
    """And keeps the result, so that the next quick one has somewhere to begin."""
    database, began = Database(dsn), datetime.now(UTC)
    started = perf_counter()
    verified = verify(database, members, catalogue=CATALOGUE)
    seconds = perf_counter() - started
    assert verified.ok, verified
    with database.connect(DatabaseRole.PROJECT) as connection:
        store(connection, verified, began)
    return Compared(seconds, verified.members, peak_mebibytes())


def fold_newer(dsn: str) -> None:
    """Of `members` alone."""
    database = Database(dsn)
    with Wakeup(database) as wakeup:
        Runner(database, [members], wakeup, catalogue=CATALOGUE).run(until_caught_up=True)


def verify_touched(dsn: str) -> Compared:
    """Just those with events since the last one: no time is given to others."""
    started = perf_counter()
    database = Database(dsn)
    with (
        snapshot_connection(database, application="bench") as log,
        snapshot_connection(database, application="bench") as tables,
        one_snapshot(log, tables) as snapshot,
    ):
        done = verify_since_last(snapshot, members, budget_seconds=0, catalogue=CATALOGUE)
    seconds = perf_counter() - started
    assert done.verified.ok, done.verified
    return Compared(seconds, done.verified.touched, peak_mebibytes())
