"""How far each projection is, and who runs it."""

from collections.abc import Sequence

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import UnknownName
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.queries import projection_status as reading
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.projection_status import (
    ProjectionStatus,
    projection_status,
    projection_statuses,
)
from temple_ledger.infrastructure.read_models.operations import set_state
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.testing.histories import at, joined

INSTALLED: tuple[Projection, ...] = (members, activity)


def status_of(database: Database, name: str, installed: Sequence[Projection] = INSTALLED) -> ProjectionStatus:
    with snapshot(database) as connection:
        return projection_status(connection, installed, name, catalogue=CATALOGUE)


def test_what_is_not_folded_yet_is_the_lag(ledger: LedgerScenario) -> None:
    ledger.given(joined("ada", at(1)), joined("bob", at(2)))
    behind = status_of(ledger.database, "members")
    assert (behind.state, behind.position, behind.lag_events) == ("running", 0, 2)
    assert behind.lag_seconds > 0
    ledger.catch_up()
    there = status_of(ledger.database, "members")
    assert (there.lag_events, there.lag_seconds, there.lag, there.passed) == (0, 0, "none", 2)


def test_a_great_lag_is_not_counted_but_told_by_positions(
    ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions = ledger.given(*(joined(f"member {number}", at(number)) for number in range(5)))
    monkeypatch.setattr(reading, "COUNTED_LAG", 2)
    found = status_of(ledger.database, "members")
    assert found.lag_events == positions[-1]
    assert found.waiting() == f"at most {positions[-1]} events"


def test_a_version_beside_needs_a_replay_and_readers_see_the_one_before(database: Database) -> None:
    newer: MemberProjection[object] = MemberProjection(
        "members",
        version=members.version + 1,
        tables=members.tables,
        initial=object,
        rows=lambda _: {},
        state=lambda _: object(),
    )
    bring_up_to_date(database, [newer])
    found = status_of(database, "members@2", [newer])
    assert (found.state, found.version, found.active) == ("needs replay", 2, False)
    assert found.next_command == "temple replay members@2 --apply"
    # nobody here has the code of the version that readers see
    older = status_of(database, "members", [newer])
    assert (older.state, older.version, older.code_version) == ("not installed", 1, 2)
    assert older.next_command == "temple projection switch members --to 2"
    assert older.reason == "this installation has version 2"


def test_a_paused_projection_says_why_and_how_it_goes_on(database: Database) -> None:
    set_state(database, members.key, ProjectionState.PAUSED, reason="a table is restored by hand", by="ada")
    found = status_of(database, "members")
    assert (found.state, found.reason) == ("paused", "a table is restored by hand")
    assert found.next_command == "temple projection resume members"


def test_a_projection_of_another_installation_is_shown_as_not_installed(database: Database) -> None:
    with snapshot(database) as connection:
        found = projection_statuses(connection, [members], catalogue=CATALOGUE)
    assert [(each.name, each.state) for each in found] == [
        ("members", "running"),
        ("activity", "not installed"),
        ("role_periods", "not installed"),
    ]


def test_the_leader_is_whoever_holds_the_lease_and_is_alive(database: Database) -> None:
    lease = Lease()
    with database.connect(DatabaseRole.PROJECT) as connection:
        lease.acquire(connection, [members.key])
        assert status_of(database, "members").leader == lease.description
        assert status_of(database, "activity").leader is None


def test_the_librarys_tracking_is_no_projection_of_ours(database: Database) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("insert into projection_checkpoint (projection, version) values ('tracking:a:b', 0)")
    with snapshot(database) as connection:
        found = [each.name for each in projection_statuses(connection, INSTALLED, catalogue=CATALOGUE)]
    assert found == ["members", "activity", "role_periods"]


def test_an_unknown_checkpoint_is_said_to_be_unknown(database: Database) -> None:
    with pytest.raises(UnknownName):
        status_of(database, "nobody")
