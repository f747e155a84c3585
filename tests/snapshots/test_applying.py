"""Snapshots: kept, looked at, held back, applied once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import HeldBack, UnknownName
from temple_ledger.domain.log_entry import LogEntry, entry_of_event
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.snapshots.apply import AppliedSnapshot, apply_snapshot
from temple_ledger.infrastructure.ingestion.snapshots.finding import Difference, Finding, FoundDifference
from temple_ledger.infrastructure.ingestion.snapshots.guard import most_at_risk
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import (
    Snapshot,
    all_findings,
    read_snapshot,
    rows_of,
    snapshots,
)
from temple_ledger.infrastructure.ingestion.snapshots.take import KEPT, Taking
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, left

STARTED = datetime(2026, 3, 1, tzinfo=UTC)


def joined_entry(user_id: str) -> LogEntry:
    return entry_of_event(joined(user_id, at(1)), event_id=UUID(int=int(user_id)), catalogue=CATALOGUE)


def unknown(user_id: str) -> Finding:
    entries = (joined_entry(user_id),)
    return Finding(
        user_id, {"joined": True}, (FoundDifference(Difference.UNKNOWN, "presence", None, "present", entries),)
    )


def gone(user_id: str) -> Finding:
    entry = entry_of_event(left(user_id, at(2)), event_id=UUID(int=int(user_id)), catalogue=CATALOGUE)
    return Finding(
        user_id, None, (FoundDifference(Difference.OURS_ONLY, "presence", "present", None, (entry,)),), loses=True
    )


class Settled:
    """A source that takes whatever a snapshot found, and fails once when it is told to."""

    source = "discord"

    def __init__(self, *, fails_at: str | None = None) -> None:
        self.seen: list[str] = []
        self.fails_at = fails_at

    def settle(
        self, connection: psycopg.Connection[Any], snapshot: Snapshot, findings: Sequence[Finding]
    ) -> Sequence[LogEntry]:
        if self.fails_at in [each.user_id for each in findings]:
            raise RuntimeError("killed here")
        self.seen += [each.user_id for each in findings]
        return [entry for each in findings for found in each.differences for entry in found.entries]


def taken(database: Database, *findings: Finding, known: int = 100, complete: bool = True) -> UUID:
    snapshot_id = uuid4()
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        taking = Taking(connection, "discord", snapshot_id, STARTED)
        taking.keep(findings)
        taking.finish(at(9), members=known, known=known, complete=complete, note=None if complete else "a page failed")
    return snapshot_id


def applied(database: Database, snapshot_id: UUID, settled: Settled, *, confirmed: bool = False) -> AppliedSnapshot:
    return apply_snapshot(database, settled, snapshot_id, by="ada", confirmed=confirmed, chunk=2, catalogue=CATALOGUE)


def test_findings_are_kept_in_order_and_counted_by_class(database: Database) -> None:
    snapshot_id = taken(database, unknown("1"), gone("2"), unknown("3"))
    with database.connect(DatabaseRole.READ) as connection:
        found = read_snapshot(connection, snapshot_id)
        assert list(all_findings(connection, snapshot_id, page=2, catalogue=CATALOGUE)) == [
            unknown("1"),
            gone("2"),
            unknown("3"),
        ]
    assert (found.differences, found.at_risk) == ({"unknown to us": 2, "in our ledger only": 1}, 1)
    assert found.applied_at is None


def test_applying_appends_in_chunks_and_a_second_time_does_nothing(database: Database) -> None:
    snapshot_id = taken(database, *[unknown(str(number)) for number in range(1, 6)])
    settled = Settled()
    assert applied(database, snapshot_id, settled) == AppliedSnapshot(5, 5, 0, before=False)
    assert settled.seen == ["1", "2", "3", "4", "5"]
    assert applied(database, snapshot_id, settled) == AppliedSnapshot(0, 0, 0, before=True)
    assert len(settled.seen) == 5
    LedgerScenario(database).then_status("3", "active")
    with database.connect(DatabaseRole.READ) as connection:
        assert read_snapshot(connection, snapshot_id).applied_by == "ada"


def test_one_that_was_cut_short_goes_on_where_it_was(database: Database) -> None:
    snapshot_id = taken(database, *[unknown(str(number)) for number in range(1, 6)])
    with pytest.raises(RuntimeError):
        applied(database, snapshot_id, Settled(fails_at="4"))
    settled = Settled()
    assert applied(database, snapshot_id, settled).events == 3
    assert settled.seen == ["3", "4", "5"]


def test_an_incomplete_snapshot_is_never_applied(database: Database) -> None:
    snapshot_id = taken(database, unknown("1"), complete=False)
    for confirmed in (False, True):
        with pytest.raises(HeldBack, match="a page failed") as held:
            applied(database, snapshot_id, Settled(), confirmed=confirmed)
        assert held.value.flag is None
    unfinished = uuid4()
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        Taking(connection, "discord", unfinished, STARTED).keep([unknown("1")])
    with pytest.raises(HeldBack):
        applied(database, unfinished, Settled())


@pytest.mark.parametrize(("known", "most"), [(0, 1), (10, 1), (39, 1), (40, 2), (399, 19), (400, 20), (1_000_000, 20)])
def test_five_percent_may_be_lost_and_never_more_than_twenty(database: Database, known: int, most: int) -> None:
    assert most_at_risk(known) == most
    few = taken(database, *[gone(str(number)) for number in range(1, most + 1)], known=known)
    many = taken(database, *[gone(str(number)) for number in range(1, most + 2)], known=known)
    with pytest.raises(HeldBack, match="--confirm") as held:
        applied(database, many, Settled())
    assert held.value.flag == "--confirm"
    assert applied(database, few, Settled()).events == most
    assert applied(database, many, Settled(), confirmed=True).events == 1


def test_what_the_log_has_with_another_content_is_counted(database: Database) -> None:
    LedgerScenario(database).append([joined_entry("1")._replace(source="elsewhere")])
    assert applied(database, taken(database, unknown("1")), Settled()) == AppliedSnapshot(0, 1, 1, before=False)


def test_a_snapshot_that_is_not_there_is_said_to_be_so(database: Database) -> None:
    with pytest.raises(UnknownName, match="no snapshot"):
        applied(database, uuid4(), Settled())


def test_old_snapshots_are_forgotten_with_their_findings(database: Database) -> None:
    for number in range(KEPT + 2):
        with database.connect(DatabaseRole.TRANSLATE) as connection:
            Taking(connection, "discord", uuid4(), at(number)).keep([unknown("1")])
    with database.connect(DatabaseRole.READ) as connection:
        assert len(snapshots(connection, "discord", 100)) == KEPT
        assert connection.execute("select count(*) from snapshot_finding").fetchone() == (KEPT,)


def test_each_difference_is_a_row_for_people(database: Database) -> None:
    assert rows_of([gone("2")]) == [
        {
            "class": "in our ledger only",
            "user_id": "2",
            "field": "presence",
            "ours": "present",
            "theirs": None,
            "events": 1,
        }
    ]
