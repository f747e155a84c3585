"""Rows that are folded from an archive, by buckets, are the rows that were folded live: whatever happens to workers."""

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import ArchiveDamaged, DatabaseUnavailable, Refused
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.archive.buckets import BUCKETS, bucket_of
from temple_ledger.infrastructure.archive.manifest import require
from temple_ledger.infrastructure.archive.shared import SharedArchive, shared_archive
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.engines.engine import ALL_BUCKETS, Buckets, EngineFailed, Task, shares_of
from temple_ledger.infrastructure.engines.local import LocalEngine
from temple_ledger.infrastructure.engines.no_database import no_database
from temple_ledger.infrastructure.read_models.member_log.bucket_members import projection_of
from temple_ledger.infrastructure.read_models.rebuild import fold_buckets, rebuild
from temple_ledger.infrastructure.read_models.rebuild.fold_buckets import FoldBuckets
from temple_ledger.infrastructure.read_models.rebuild.one_writer import Claimed
from temple_ledger.infrastructure.read_models.rebuild.progress import Cut
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection
from tests.archive.builders import archived, at
from tests.canon.folds import by_python, slowly, stored
from tests.engines.builders import (
    RETRACTED,
    Alone,
    Deadly,
    Freezing,
    Losing,
    Returned,
    Twice,
    emptied,
    eventful,
    marks,
    nothing_is_stored,
    noting_marks,
    rebuilt_from,
    rows_of,
    thawing,
    unfolded,
)
from tests.erasure.builders import erased
from tests.killed import Moment, run_killed

both = pytest.mark.parametrize("projection", [members, activity], ids=lambda each: each.name)


@pytest.fixture
def ledger(ledger: LedgerScenario, folder: Path) -> LedgerScenario:
    return eventful(ledger, folder)


def test_rows_from_an_archive_are_those_of_the_framework_and_of_the_oracle(
    ledger: LedgerScenario, folder: Path
) -> None:
    live = rows_of(ledger.database, "members")
    emptied(ledger.database, "members")
    rebuilt_from(ledger.database, folder, members)
    assert rows_of(ledger.database, "members") == live
    with ledger.database.connect(DatabaseRole.READ) as connection:
        user_ids = [each for (each,) in connection.execute("select distinct user_id from webhook_audit_log")]
        left_out = connection.execute("select position from skipped_position where projection = 'members'").fetchall()
        skipped = RETRACTED | PositionSet.of(position for (position,) in left_out)
        there = stored(connection, user_ids)
        assert there == by_python(connection, user_ids, skipped=skipped)
        assert slowly(connection, user_ids, there.parked, skipped=skipped) == there[:2]
    ledger.then_verified()


@both
def test_without_a_tail_and_with_more_buckets_than_members_it_is_the_same(
    ledger: LedgerScenario, folder: Path, projection: Projection
) -> None:
    archived(ledger.database, folder)
    live = rows_of(ledger.database, projection.name)
    emptied(ledger.database, projection.name)
    rebuilt_from(ledger.database, folder, projection, workers=1)
    assert rows_of(ledger.database, projection.name) == live
    ledger.then_verified()


def test_a_member_whose_history_is_too_long_for_memory_is_folded_by_pages(
    ledger: LedgerScenario, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = rows_of(ledger.database, "members")
    emptied(ledger.database, "members")
    monkeypatch.setattr(fold_buckets, "MOST_EVENTS", 12)
    rebuilt_from(ledger.database, folder, members)
    assert rows_of(ledger.database, "members") == live


@both
def test_each_range_is_put_once_though_each_task_runs_twice(
    ledger: LedgerScenario, folder: Path, projection: Projection
) -> None:
    applied, put = rebuilt_from(ledger.database, folder, projection, Twice(LocalEngine(ledger.database, 2)))
    assert (applied.changed_members, put) == (0, 16)
    ledger.then_verified()


@pytest.mark.parametrize(
    ("projection", "moment"),
    [(members, "before"), (members, "after"), (activity, "after")],
    ids=["members-before", "members-after", "activity-after"],
)
def test_workers_that_are_killed_20_times_change_nothing(
    ledger: LedgerScenario, folder: Path, tmp_path: Path, projection: Projection, moment: Moment
) -> None:
    live = rows_of(ledger.database, projection.name)
    emptied(ledger.database, projection.name)
    (tmp_path / "deaths").mkdir()
    noting_marks(ledger.database)
    engine = Deadly(Twice(LocalEngine(ledger.database, 2, tries=30)), tmp_path / "deaths", 20, moment)
    rebuilt_from(ledger.database, folder, projection, engine)
    assert len(list((tmp_path / "deaths").iterdir())) == 20
    assert marks(ledger.database) == list(range(16))
    assert rows_of(ledger.database, projection.name) == live
    ledger.then_verified()


def test_workers_that_are_frozen_20_times_change_nothing_when_they_go_on(
    ledger: LedgerScenario, folder: Path, tmp_path: Path
) -> None:
    """Each with a range half put, or just before or after, while another worker comes to the same range."""
    live = rows_of(ledger.database, "members")
    emptied(ledger.database, "members")
    noting_marks(ledger.database)
    with thawing(ledger.database, tmp_path) as frozen:
        engine = Freezing(Twice(LocalEngine(ledger.database, 2)), tmp_path, 20)
        rebuilt_from(ledger.database, folder, members, engine)
    assert len(frozen) >= 20
    assert marks(ledger.database) == list(range(16))
    assert rows_of(ledger.database, "members") == live
    ledger.then_verified()


def test_a_driver_that_is_killed_anywhere_goes_on_when_it_is_started_again(
    ledger: LedgerScenario, folder: Path
) -> None:
    def work() -> None:
        rebuilt_from(ledger.database, folder, members)

    live = rows_of(ledger.database, "members")
    for exchange in range(1, 400, 41):
        emptied(ledger.database, "members")
        killed = run_killed(work, at=exchange, moment="after")
        work()
        assert rows_of(ledger.database, "members") == live
        if not killed:
            break
    else:
        pytest.fail("the rebuild never came to its end")
    assert exchange > 20
    ledger.then_verified()


def test_workers_that_are_killed_20_times_while_tables_are_filled_straight_cost_their_share(
    ledger: LedgerScenario, folder: Path, tmp_path: Path
) -> None:
    live = unfolded(ledger)
    noting_marks(ledger.database)
    (tmp_path / "deaths").mkdir()
    engine = Losing(Twice(LocalEngine(ledger.database, 2, tries=30)), tmp_path / "deaths", 20)
    rebuilt_from(ledger.database, folder, members, engine, unseen=True)
    assert len(list((tmp_path / "deaths").iterdir())) == 20
    assert marks(ledger.database) == list(range(16))
    assert rows_of(ledger.database, "members") == live
    ledger.then_verified()


def test_where_workers_are_killed_for_ever_tables_that_were_filled_straight_are_empty(
    ledger: LedgerScenario, folder: Path, tmp_path: Path
) -> None:
    unfolded(ledger)
    engine = Losing(LocalEngine(ledger.database, 2, tries=2), tmp_path, 1_000)
    with pytest.raises(EngineFailed, match=r"run it again, or with fewer --workers$"):
        rebuilt_from(ledger.database, folder, members, engine, unseen=True)
    nothing_is_stored(ledger)


@pytest.mark.parametrize("first", [0, 1])
def test_where_workers_stand_still_tables_that_were_filled_straight_are_empty(
    ledger: LedgerScenario, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    live = unfolded(ledger)
    with monkeypatch.context() as impatient:
        impatient.setattr(rebuild, "A_PIECE_SECONDS", 2.0)
        engine = Losing(LocalEngine(ledger.database, 1), tmp_path, first + 1, signal.SIGSTOP, first)
        with pytest.raises(EngineFailed, match=r"stood still for more than 2 s; run it again$"):
            rebuilt_from(ledger.database, folder, members, engine, workers=1, unseen=True)
    assert multiprocessing.active_children() == []
    nothing_is_stored(ledger)
    rebuilt_from(ledger.database, folder, members, unseen=True)
    assert rows_of(ledger.database, "members") == live


def test_a_driver_that_is_killed_anywhere_while_it_fills_tables_straight_leaves_no_row(
    ledger: LedgerScenario, folder: Path
) -> None:
    live = unfolded(ledger)

    def work() -> None:
        rebuilt_from(ledger.database, folder, members, workers=1, unseen=True)

    for exchange in range(1, 400, 23):
        if not run_killed(work, at=exchange, moment="after"):
            break
        rows = unfolded(ledger)
        assert rows == live or not any(rows.values())
    else:
        pytest.fail("the replay never came to its end")
    assert exchange > 40
    assert rows_of(ledger.database, "members") == live
    ledger.then_verified()


@pytest.mark.parametrize("first", [Cut.MEMBERS, Cut.BUCKETS])
def test_a_rebuild_that_was_cut_otherwise_begins_anew(ledger: LedgerScenario, folder: Path, first: Cut) -> None:
    other = Cut.BUCKETS if first is Cut.MEMBERS else Cut.MEMBERS
    for cut, resumed in [(first, False), (first, True), (other, False), (other, True)]:
        with Rebuild(ledger.database, members, catalogue=CATALOGUE, cut=cut) as rebuild:
            assert rebuild.resumed is resumed
    rebuilt_from(ledger.database, folder, members)
    ledger.then_verified()


def test_it_goes_on_with_another_number_of_workers(ledger: LedgerScenario, folder: Path) -> None:
    archive = shared_archive(ledger.database, at(folder))
    engine = LocalEngine(ledger.database, 1)
    with begun(ledger) as rebuild, pytest.raises(KeyboardInterrupt):
        rebuild.fold_buckets(partial(ordered, archive), engine, workers=3, progress=interrupt)
    applied, put = rebuilt_from(ledger.database, folder, members, workers=2)
    assert applied.changed_members == 0
    assert 0 < put < 24
    ledger.then_verified()


def ordered(archive: SharedArchive, claimed: Claimed) -> FoldBuckets:
    return FoldBuckets(archive, *claimed)


def begun(ledger: LedgerScenario) -> Rebuild:
    return Rebuild(ledger.database, members, catalogue=CATALOGUE, cut=Cut.BUCKETS)


class Nobody:
    """An engine whose head was lost."""

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        return iter(())


def interrupt(members: int, events: int) -> None:
    if members:
        raise KeyboardInterrupt


def test_what_an_earlier_driver_ordered_changes_nothing_of_the_next_one(ledger: LedgerScenario, folder: Path) -> None:
    archive = shared_archive(ledger.database, at(folder))
    orders: list[FoldBuckets] = []

    def order(claimed: Claimed) -> FoldBuckets:
        orders.append(FoldBuckets(archive, *claimed))
        return orders[-1]

    with begun(ledger) as rebuild, pytest.raises(DatabaseUnavailable, match="some buckets were not folded"):
        rebuild.fold_buckets(order, Nobody(), workers=1)
    with begun(ledger), pytest.raises(Refused, match="another replay of members has taken over"):
        orders[0](ledger.database, ALL_BUCKETS)
    assert rebuilt_from(ledger.database, folder, members)[0].changed_members == 0


def test_a_worker_of_another_version_refuses(ledger: LedgerScenario, folder: Path) -> None:
    right = shared_archive(ledger.database, at(folder))
    older = SharedArchive(right.address, right.ledger, "0.0.1")
    elsewhere = SharedArchive(right.address, right.ledger.model_copy(update={"position": 7}), right.package)
    with Rebuild(ledger.database, members, catalogue=CATALOGUE, cut=Cut.BUCKETS) as rebuild:
        for archive, sentence in [(older, "a worker has temple-ledger"), (elsewhere, "is the archive of another")]:
            engine = LocalEngine(ledger.database, 1)
            with pytest.raises(Refused, match=sentence):
                rebuild.fold_buckets(partial(ordered, archive), engine, workers=1)
        with pytest.raises(Refused, match="a worker has version 1 of members, and who drives it 7"):
            projection_of(ProjectionKey("members", 7))


def test_a_damaged_group_is_folded_by_nobody(ledger: LedgerScenario, folder: Path) -> None:
    (file, *_) = sorted((folder / "events").glob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    live = rows_of(ledger.database, "members")
    with pytest.raises(ArchiveDamaged, match="was altered: the rows of buckets"):
        rebuilt_from(ledger.database, folder, members)
    assert rows_of(ledger.database, "members") == live


def test_an_archive_without_the_last_erasure_is_not_folded(ledger: LedgerScenario, folder: Path) -> None:
    with ledger.database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select user_id from webhook_audit_log where length(user_id) > 20 limit 1").fetchone()
    assert row is not None
    erased(ledger.database, row[0])
    with pytest.raises(Refused, match="run: temple archive erase"):
        rebuilt_from(ledger.database, folder, members)


def end_of(folder: Path) -> Position:
    return Position(require(at(folder))[0].upto)


@both
def test_workers_that_reach_no_database_fold_and_the_driver_writes(
    ledger: LedgerScenario, folder: Path, tmp_path: Path, projection: Projection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever came behind the archive is folded by the driver; killed workers and second results change nothing."""
    for name in ("TEMPLE_DATABASE_URL", "PGPASSWORD"):
        monkeypatch.setenv(name, "a secret")
    live = rows_of(ledger.database, projection.name)
    emptied(ledger.database, projection.name)
    alone = Alone(Twice(LocalEngine(no_database(), 2)), tmp_path, 3)
    noting_marks(ledger.database)
    rebuilt_from(ledger.database, folder, projection, alone, most=end_of(folder), one_writer=True)
    assert marks(ledger.database) == list(range(16))
    assert rows_of(ledger.database, projection.name) == live
    ledger.then_verified()


def test_what_was_folded_beyond_the_archive_is_not_gone_on_with_where_workers_reach_no_database(
    ledger: LedgerScenario, folder: Path
) -> None:
    with begun(ledger) as rebuild:
        assert rebuild.position > end_of(folder)
    for resumed in (False, True):
        with Rebuild(ledger.database, members, catalogue=CATALOGUE, cut=Cut.BUCKETS, most=end_of(folder)) as rebuild:
            assert (rebuild.position, rebuild.resumed) == (end_of(folder), resumed)
    with begun(ledger) as rebuild:
        assert rebuild.resumed


def test_a_worker_without_a_database_never_finds_one(ledger: LedgerScenario, folder: Path) -> None:
    archive = shared_archive(ledger.database, at(folder))
    with begun(ledger) as rebuild, pytest.raises(Refused, match="a worker reaches no database here"):
        rebuild.fold_buckets(partial(ordered, archive), LocalEngine(no_database(), 1), workers=1)


def test_shares_have_every_bucket_once() -> None:
    for number in (1, 2, 7, 16, 1_000, 1_024, 5_000):
        shares = shares_of(number)
        assert [bucket for each in shares for bucket in range(each.first, each.last + 1)] == list(range(BUCKETS))
        assert len(shares) == min(number, BUCKETS)


def test_the_database_has_the_same_buckets(database: Database) -> None:
    names = ["", "ada", "Ünï", "\U0001f600", "500000000000000001", "patreon:7"]
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute("select member_bucket(each) from unnest(%s::text[]) as each", (names,)).fetchall()
    assert [bucket for (bucket,) in found] == [bucket_of(name) for name in names]
