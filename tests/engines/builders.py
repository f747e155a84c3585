"""Rebuilds from an archive, and engines that make trouble."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import ArchiveDamaged
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.archive.folder_place import FolderPlace
from temple_ledger.infrastructure.archive.shared import shared_archive
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.engines.engine import Buckets, Engine, Task
from temple_ledger.infrastructure.engines.local import LocalEngine
from temple_ledger.infrastructure.read_models.operations import parked, skip
from temple_ledger.infrastructure.read_models.rebuild.apply import AppliedRebuild, Limit
from temple_ledger.infrastructure.read_models.rebuild.fold_buckets import FoldBuckets
from temple_ledger.infrastructure.read_models.rebuild.one_writer import Claimed
from temple_ledger.infrastructure.read_models.rebuild.progress import Cut
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, retract
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection
from tests.archive.builders import append, archived, everything
from tests.killed import Moment, die_at
from tests.queries.builders import altered
from tests.rebuild.test_rebuild import nothing_is_left

Returned = TypeVar("Returned")

Rows = dict[str, list[str]]

RETRACTED = PositionSet([(20, 40), (161, 162)])
EXCHANGES = 15
"""So many has a task at least that puts a range."""
PACE_SECONDS = 0.005
WAITING = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"

TABLES = {
    "members": ("temple_member_status", "discord_user_current_roles", "projection_frontier", "projection_failure"),
    "activity": ("webhook_activity_hourly", "projection_failure"),
}
STAMPS = "- 'last_verified' - 'last_sync' - 'parked_at' - 'attempts'"


def rebuilt_from(
    database: Database,
    folder: Path,
    projection: Projection,
    engine: Engine | None = None,
    *,
    workers: int = 2,
    most: Position | None = None,
    one_writer: bool = False,
    unseen: bool = False,
    straight: bool | None = None,
) -> tuple[AppliedRebuild, int]:
    """And how many ranges the tasks have put. *unseen*: nobody is to look first, so that tables are filled straight;
    unless *straight* expects something else."""
    archive = shared_archive(database, FolderPlace(folder))
    counting = Counting(LocalEngine(database, workers) if engine is None else engine)

    def task(claimed: Claimed) -> FoldBuckets:
        return FoldBuckets(archive, *claimed)

    with Rebuild(
        database, projection, catalogue=CATALOGUE, cut=Cut.BUCKETS, most=most, to_be_applied=unseen
    ) as rebuild:
        rebuild.fold_buckets(task, counting, workers=workers, one_writer=one_writer)
        assert rebuild.is_open is (unseen if straight is None else straight)
        applied = rebuild.apply(rebuild.compare(), by="test", limit=Limit(None))
    return applied, counting.total


def eventful(ledger: LedgerScenario, folder: Path) -> LedgerScenario:
    """Late, malformed, parked, skipped, retracted and hostile events; a tail behind the archive."""
    append(ledger.database, everything(1, 150), gap=True)
    archived(ledger.database, folder)
    append(ledger.database, everything(2, 50))
    archived(ledger.database, folder)
    append(ledger.database, everything(3, 30))
    ledger.catch_up()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        failures = parked(connection, projection=members.name)
    assert len(failures) > 3
    skip(ledger.database, members, failures[0], by="ada", reason="broken", catalogue=CATALOGUE)
    retract(ledger.database, Selection(positions=RETRACTED), BUILT_IN, CATALOGUE, reason="wrong", by="ada")
    ledger.catch_up()
    return ledger


def unfolded(ledger: LedgerScenario) -> Rows:
    """As if no member had been folded yet; the rows that there were."""
    rows = rows_of(ledger.database, "members")
    emptied(ledger.database, "members")
    altered(ledger.database, "delete from projection_batch where projection = 'members'")
    altered(ledger.database, "update projection_checkpoint set position = 0, passed = 0 where projection = 'members'")
    return rows


def nothing_is_stored(ledger: LedgerScenario) -> None:
    assert not any(rows_of(ledger.database, "members").values())
    nothing_is_left(ledger)


def rows_of(database: Database, projection: str) -> Rows:
    """Without what says when a row was written; what is counted down to zero is not there."""
    with database.connect(DatabaseRole.LOGIN) as connection:
        found = {
            table: connection.execute(
                f"select (to_jsonb(each) {STAMPS})::text from {table} as each"
                f" where coalesce(to_jsonb(each) ->> 'projection', %s) = %s order by 1".encode(),
                (projection, projection),
            ).fetchall()
            for table in TABLES[projection]
        }
    return {table: [row for (row,) in each if '"events": 0' not in row] for table, each in found.items()}


NOTING_MARKS = """
    create table mark_written (number integer);
    grant select on mark_written to temple_read;
    create function note_mark() returns trigger language plpgsql security definer as
        $$ begin insert into mark_written values (new.number); return null; end $$;
    create trigger note_mark after update on projection_rebuild_range for each row
        when (new.done and not old.done) execute function note_mark()
"""


def noting_marks(database: Database) -> None:
    """From here on each mark that is committed is noted, also where the one who wrote it was killed right after."""
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(NOTING_MARKS)


def marks(database: Database) -> list[int]:
    """The numbers of the ranges that were marked, as often as each was."""
    with database.connect(DatabaseRole.READ) as connection:
        return [number for (number,) in connection.execute("select number from mark_written order by 1")]


def emptied(database: Database, projection: str) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        for table in TABLES[projection]:
            owned = f" where projection = '{projection}'" if table.startswith("projection_") else ""
            connection.execute(f"delete from {table}{owned}".encode())


@dataclass
class Counting:
    """Adds up what the tasks return."""

    engine: Engine
    total: int = 0

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        for buckets, result in self.engine.run(task, shares, within=within):
            # of who writes nothing, each that was brought back
            self.total += result if isinstance(result, int) else 1
            yield buckets, result


@dataclass
class Twice:
    """Every share is given out twice, one next to the other."""

    engine: Engine

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        yield from self.engine.run(task, [each for each in shares for _ in range(2)], within=within)


@dataclass(frozen=True)
class Dying:
    """A task whose worker is killed, so many times, each time at a later exchange with the database."""

    task: Task[Any]
    deaths: Path
    times: int
    moment: Moment

    def __call__(self, database: Database, buckets: Buckets) -> Any:
        # a file for each death: two workers never make the same one
        for number in range(self.times):
            try:
                os.close(os.open(self.deaths / str(number), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            die_at(1 + 2 * number, self.moment)
            break
        return self.task(database, buckets)


@dataclass(frozen=True)
class Frozen:
    """A task whose worker is stopped, so many times in all, each time at another exchange with the database."""

    task: Task[Any]
    folder: Path
    times: int

    def __call__(self, database: Database, buckets: Buckets) -> Any:
        for number in range(self.times):
            try:
                with (self.folder / f"{number}.frozen").open("x") as file:
                    file.write(str(os.getpid()))
            except FileExistsError:
                continue
            die_at(1 + number % EXCHANGES, "after", signal.SIGSTOP)
            break
        return self.task(database, buckets)


@dataclass
class Freezing:
    engine: Engine
    folder: Path
    times: int

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        frozen: Any = Frozen(task, self.folder, self.times)
        yield from self.engine.run(frozen, shares, within=within)


@contextmanager
def thawing(database: Database, folder: Path) -> Iterator[list[int]]:
    """While the block lasts, whoever is stopped goes on once another one waits for it, or a while later; the list has
    their processes."""
    thawed: list[int] = []
    over = threading.Event()

    def thaw() -> None:
        with database.connect(DatabaseRole.LOGIN) as connection:
            while not over.wait(PACE_SECONDS):
                stopped = [pid for pid in frozen_in(folder) if is_stopped(pid)]
                if stopped and connection.execute(WAITING).fetchone() is None:
                    over.wait(10 * PACE_SECONDS)
                thawed.extend(stopped)
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=thaw)
    thread.start()
    try:
        yield thawed
    finally:
        over.set()
        thread.join()


def frozen_in(folder: Path) -> list[int]:
    """A file may be there before its content."""
    return [int(text) for file in folder.glob("*.frozen") if (text := file.read_text())]


def is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


@dataclass
class Deadly:
    engine: Engine
    deaths: Path
    times: int
    moment: Moment

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        dying: Any = Dying(task, self.deaths, self.times, self.moment)
        yield from self.engine.run(dying, shares, within=within)


@dataclass(frozen=True)
class WithoutAddress:
    """A task that fails where its worker could find a database; the first *times* workers are killed."""

    task: Task[Any]
    deaths: Path
    times: int

    def __call__(self, database: Database, buckets: Buckets) -> Any:
        found = [name for name in os.environ if name in ("TEMPLE_DATABASE_URL", "TEMPLE_READ_URL") or name[:2] == "PG"]
        if found or database.dsn:
            raise ArchiveDamaged(f"a worker has {found} {database.dsn}")
        for number in range(self.times):
            try:
                os.close(os.open(self.deaths / str(number), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
        return self.task(database, buckets)


@dataclass(frozen=True)
class Lost:
    """A task whose worker is ended by *how*, so many times: in turns before it folds, and with what it folded."""

    task: Task[Any]
    folder: Path
    times: int
    how: int
    first: int

    def __call__(self, database: Database, buckets: Buckets) -> Any:
        for number in range(self.first, self.times):
            try:
                os.close(os.open(self.folder / f"{number}.lost", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            if number % 2:
                self.task(database, buckets)
            os.kill(os.getpid(), self.how)
        return self.task(database, buckets)


@dataclass
class Losing:
    engine: Engine
    folder: Path
    times: int
    how: int = signal.SIGKILL
    first: int = 0

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        lost: Any = Lost(task, self.folder, self.times, self.how, self.first)
        yield from self.engine.run(lost, shares, within=within)


@dataclass
class Alone:
    """What its workers are given has no address of a database."""

    engine: Engine
    deaths: Path
    times: int = 0

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        without: Any = WithoutAddress(task, self.deaths, self.times)
        yield from self.engine.run(without, shares, within=within)
