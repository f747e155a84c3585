"""Empty tables are filled straight from an archive, too: with the rows of a replay from the database, or not at all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import ArchiveDamaged, DatabaseUnavailable
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.archive.manifest import require
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.engines.engine import Buckets, Engine, Task
from temple_ledger.infrastructure.engines.local import LocalEngine
from temple_ledger.infrastructure.engines.no_database import no_database
from temple_ledger.infrastructure.read_models.rebuild import fold_buckets, straight_fill
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.members import members
from tests.archive.builders import at
from tests.engines.builders import (
    Returned,
    Rows,
    Twice,
    emptied,
    eventful,
    marks,
    nothing_is_stored,
    noting_marks,
    rebuilt_from,
    rows_of,
    unfolded,
)
from tests.engines.test_rebuilding import Nobody
from tests.queries.builders import altered
from tests.rebuild.test_rebuild import nothing_is_left


@dataclass
class Looking:
    """Counts what readers see each time when a share is done."""

    engine: Engine
    database: Database
    seen: list[int] = field(default_factory=list)

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        for each in self.engine.run(task, shares, within=within):
            self.seen.append(sum(len(rows) for rows in rows_of(self.database, "members").values()))
            yield each


@pytest.fixture
def ledger(ledger: LedgerScenario, folder: Path) -> LedgerScenario:
    return eventful(ledger, folder)


@pytest.fixture
def live(ledger: LedgerScenario) -> Rows:
    """What was folded event by event; then nothing is folded any more."""
    return unfolded(ledger)


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_are_those_that_were_folded_live_and_each_range_is_put_once(
    ledger: LedgerScenario, folder: Path, live: Rows, workers: int
) -> None:
    noting_marks(ledger.database)
    engine = Twice(LocalEngine(ledger.database, workers))
    applied, _ = rebuilt_from(ledger.database, folder, members, engine, workers=workers, unseen=True)
    assert rows_of(ledger.database, "members") == live
    assert applied.changed_members == len(live["temple_member_status"])
    assert marks(ledger.database) == list(range(8 * workers))
    nothing_is_left(ledger)
    ledger.then_verified()


def test_a_replay_from_the_database_has_the_same_rows(ledger: LedgerScenario, folder: Path, live: Rows) -> None:
    with Rebuild(ledger.database, members, catalogue=CATALOGUE, to_be_applied=True) as replay:
        replay.fold()
        assert replay.is_open
        replay.apply(replay.compare(), by="ada")
    from_database = rows_of(ledger.database, "members")
    unfolded(ledger)
    rebuilt_from(ledger.database, folder, members, unseen=True)
    assert rows_of(ledger.database, "members") == from_database == live


def test_workers_that_reach_no_database_fill_the_tables_up_to_the_end_of_the_archive(
    ledger: LedgerScenario, folder: Path, live: Rows
) -> None:
    """What came behind it is the runner's."""
    end = Position(require(at(folder))[0].upto)
    engine = LocalEngine(no_database(), 2)
    applied, _ = rebuilt_from(ledger.database, folder, members, engine, most=end, one_writer=True, unseen=True)
    assert applied.position == end
    ledger.catch_up()
    assert rows_of(ledger.database, "members") == live
    ledger.then_verified()


def test_a_history_that_is_too_long_for_memory_is_folded_by_pages(
    ledger: LedgerScenario, folder: Path, live: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_buckets, "MOST_EVENTS", 12)
    rebuilt_from(ledger.database, folder, members, unseen=True)
    assert rows_of(ledger.database, "members") == live


def test_readers_see_nothing_before_all_is_in_place(ledger: LedgerScenario, folder: Path, live: Rows) -> None:
    looking = Looking(LocalEngine(ledger.database, 2), ledger.database)
    rebuilt_from(ledger.database, folder, members, looking, unseen=True)
    assert looking.seen == [0] * 16


def test_a_damaged_group_is_folded_by_nobody_and_nothing_is_left(
    ledger: LedgerScenario, folder: Path, live: Rows
) -> None:
    (file, *_) = sorted((folder / "events").glob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArchiveDamaged, match="was altered: the rows of buckets"):
        rebuilt_from(ledger.database, folder, members, unseen=True)
    nothing_is_stored(ledger)


def test_where_buckets_are_missing_nothing_is_put_in_place(ledger: LedgerScenario, folder: Path, live: Rows) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"some buckets were not folded; run it again$"):
        rebuilt_from(ledger.database, folder, members, Nobody(), unseen=True)
    nothing_is_stored(ledger)


def test_a_long_log_does_not_hold_the_checkpoint(
    ledger: LedgerScenario, folder: Path, live: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(straight_fill, "MOST_POSITIONS", 100)
    rebuilt_from(ledger.database, folder, members, unseen=True, straight=False)
    assert rows_of(ledger.database, "members") == live


def test_a_tally_is_counted_beside_its_table(ledger: LedgerScenario, folder: Path) -> None:
    live = rows_of(ledger.database, "activity")
    emptied(ledger.database, "activity")
    altered(ledger.database, "update projection_checkpoint set position = 0 where projection = 'activity'")
    rebuilt_from(ledger.database, folder, activity, unseen=True, straight=False)
    assert rows_of(ledger.database, "activity") == live
