"""A ledger that is restored from an archive is the one that was archived, as far as the log goes."""

from datetime import timedelta
from pathlib import Path

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.archive import restore as restoring
from temple_ledger.infrastructure.archive.restore import restore_archive
from temple_ledger.infrastructure.archive.verify import verify_archive
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.operations import parked, skip
from temple_ledger.infrastructure.read_models.rebuild.apply import Limit
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, retract
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at as day
from temple_ledger.projections.testing.histories import joined, role_added
from tests.archive.builders import NOW, append, archived, at, everything, log
from tests.erasure.builders import PERSON, erased

TABLES = (
    *("temple_member_status", "discord_user_current_roles", "webhook_activity_hourly", "skipped_position"),
    *("log_import", "log_import_range", "log_retraction", "retracted_range", "erased_position"),
)
ROWS = "select (to_jsonb(each) - 'last_verified' - 'last_sync')::text from {} as each order by 1"


def rows(database: Database) -> dict[str, list[str]]:
    """Without what says when a row was last written; what is counted down to zero is not there."""
    with database.connect(DatabaseRole.LOGIN) as connection:
        found = {table: connection.execute(ROWS.format(table).encode()).fetchall() for table in TABLES}
    return {table: [row for (row,) in each if '"events": 0' not in row] for table, each in found.items()}


@pytest.fixture
def ledger(ledger: LedgerScenario) -> LedgerScenario:
    """With events that are skipped, retracted, erased, parked, and with gaps."""
    append(ledger.database, everything(1, 200), gap=True)
    ledger.given(joined(PERSON, day(1)), role_added(PERSON, "Oracle", day(2)), joined("eve", day(3)))
    ledger.catch_up()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        failure = parked(connection, projection=members.name)[0]
    skip(ledger.database, members, failure, by="ada", reason="broken", catalogue=CATALOGUE)
    selection = Selection(positions=PositionSet([(5, 9), (204, 204)]))
    retract(ledger.database, selection, BUILT_IN, CATALOGUE, reason="wrong file", by="ada")
    erased(ledger.database)
    ledger.catch_up()
    return ledger


def test_a_restored_ledger_verifies_in_full_and_goes_on_above(
    ledger: LedgerScenario, folder: Path, other: Database
) -> None:
    archived(ledger.database, folder)
    restored = restore_archive(at(folder), other, above=Position(5_000_000))
    assert log(other) == log(ledger.database)
    for projection in BUILT_IN:
        assert rebuild(other, projection, limit=Limit(None), catalogue=CATALOGUE, by="ada") is not None
        assert verify(other, projection, catalogue=CATALOGUE).ok
    assert rows(other) == rows(ledger.database)
    again = LedgerScenario(other)
    (position,) = again.given(joined("new", day(9)))
    assert position == restored.next_above + 1 == 6_000_001
    again.then_status("new", "active")


def test_the_archive_goes_on_with_the_ledger_that_was_restored_from_it(
    ledger: LedgerScenario, folder: Path, other: Database
) -> None:
    archived(ledger.database, folder)
    restore_archive(at(folder), other)
    append(other, everything(2, 10))
    retract(other, Selection(positions=PositionSet([(11, 11)])), BUILT_IN, CATALOGUE, reason="more", by="ada")
    assert archived(other, folder, now=NOW + timedelta(days=1)).events == 10
    assert verify_archive(at(folder), other, rows=True).findings == []
    with pytest.raises(Refused, match="the log there is another one"):
        archived(ledger.database, folder)


def test_a_large_file_is_restored_by_position_in_parts(
    database: Database, folder: Path, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(database, everything(3, 200), gap=True)
    append(database, everything(4, 10))
    archived(database, folder)
    monkeypatch.setattr(restoring, "POSITIONS_AT_A_TIME", 16)
    restore_archive(at(folder), other)
    assert log(other) == log(database)
    with other.connect(DatabaseRole.READ) as connection:
        found = connection.execute("select id from webhook_audit_log order by ctid").fetchall()
    assert found == sorted(found), "neighbours lie beside each other"


def test_a_ledger_that_has_or_had_events_is_refused(database: Database, folder: Path, other: Database) -> None:
    append(database, everything(5, 10))
    archived(database, folder)
    append(other, [], gap=True)
    for target in (database, other):
        with pytest.raises(Refused, match="has events, or had some"):
            restore_archive(at(folder), target)
    assert log(other) == []
