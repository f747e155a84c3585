"""A member whose event cannot be folded is parked; nothing else stops."""

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.read_models.operations import parked, retry, skip
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.activity import activity
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, left, role_added

INSERT = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
    values (gen_random_uuid(), %s, 'discord_role_change', %s, 'added', %s, %s::jsonb, 'elsewhere')
    returning id
"""


def insert(
    ledger: LedgerScenario, user_id: str, target: str | None, metadata: str = "{}", when: str = "2026-01-02Z"
) -> int:
    """A row that our own append would refuse."""
    with ledger.database.connect(DatabaseRole.APPEND) as connection:
        row = connection.execute(INSERT, (when, user_id, target, metadata)).fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.parametrize(
    ("target", "metadata", "when", "reason"),
    [
        (None, "{}", "2026-01-02Z", "target is missing"),
        ("", "{}", "2026-01-02Z", "target is missing"),
        ("Oracle", '{"granted_by": "' + "x" * 101 + '"}', "2026-01-02Z", "101 characters"),
        ("Oracle", '{"n": ' + "1" * 5000 + "}", "2026-01-02Z", "metadata cannot be decoded"),
        ("Oracle", '{"n": ' + "[" * 1000 + "]" * 1000 + "}", "2026-01-02Z", "metadata cannot be decoded"),
        ("Oracle", "{}", "infinity", "outside the years"),
        ("Oracle", "{}", "0044-03-15 BC", "outside the years"),
    ],
)
@pytest.mark.parametrize("batch", [1, 1_000])
def test_an_event_that_can_not_be_folded_parks_its_member_and_nobody_else(
    ledger: LedgerScenario, target: str | None, metadata: str, when: str, reason: str, batch: int
) -> None:
    ledger.batch = batch
    ledger.given(joined("ada", at(1)), role_added("ada", "Seeker", at(2)))
    position = insert(ledger, "ada", target, metadata, when)
    ledger.when(left("ada", at(100)), joined("bob", at(3)), role_added("bob", "Oracle", at(4)))
    ledger.then_roles("bob", ["Oracle"])
    ledger.then_roles("ada", ["Seeker"])
    ledger.then_status("ada", "active")
    with ledger.database.connect(DatabaseRole.READ) as connection:
        (failure,) = parked(connection, projection="members")
    assert (failure.user_id, failure.position) == ("ada", position)
    assert reason in failure.error


def test_a_bad_row_does_not_block_the_tally(ledger: LedgerScenario) -> None:
    position = insert(ledger, "ada", "Oracle", when="infinity")
    ledger.when(joined("bob", at(3)))
    ledger.catch_up()
    ledger.then_verified()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert [each.position for each in parked(connection, projection="activity")] == [position]
        assert connection.execute("select sum(events) from webhook_activity_hourly").fetchone() == (1,)


def test_skipping_the_position_folds_the_member_again_without_it(ledger: LedgerScenario) -> None:
    ledger.given(joined("ada", at(1)))
    position = insert(ledger, "ada", None)
    ledger.when(role_added("ada", "Oracle", at(5)))
    ledger.catch_up()
    failures = list(_failures(ledger))
    assert (
        skip(ledger.database, members, failures[0], reason="a broken bot sent it", catalogue=CATALOGUE, by="ada") == []
    )
    ledger.then_roles("ada", ["Oracle"])
    assert _failures(ledger) == []
    with ledger.database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select position, reason from skipped_position").fetchone()
        assert row == (position, "a broken bot sent it")
        assert connection.execute("select kind, projection from ledger_operation").fetchall() == [("skip", "members")]


def test_a_retry_that_fails_again_leaves_the_member_as_it_was(ledger: LedgerScenario) -> None:
    ledger.given(joined("ada", at(1)))
    position = insert(ledger, "ada", None)
    ledger.catch_up()
    again = retry(ledger.database, members, _failures(ledger), catalogue=CATALOGUE, by="ada")
    assert [each.position for each in again] == [position]
    ledger.then_status("ada", "active")
    assert [each.position for each in _failures(ledger)] == [position]


def test_events_of_a_parked_member_wait_also_after_a_restart(ledger: LedgerScenario) -> None:
    ledger.given(joined("ada", at(1)))
    insert(ledger, "ada", None)
    ledger.catch_up()
    ledger.when(role_added("ada", "Oracle", at(5)))
    ledger.then_roles("ada", [])
    with ledger.database.connect(DatabaseRole.READ) as connection:
        trail = connection.execute(
            "select processed_at is null from webhook_audit_trail where user_id = 'ada' order by id"
        ).fetchall()
    assert trail == [(False,), (True,), (True,)]


def test_an_event_counted_again_after_a_failure_is_counted_once(ledger: LedgerScenario) -> None:
    insert(ledger, "ada", "Oracle", when="infinity")
    ledger.catch_up()
    failures = _failures(ledger, "activity")
    assert len(retry(ledger.database, activity, failures, catalogue=CATALOGUE, by="ada")) == 1
    assert skip(ledger.database, activity, failures[0], reason="no such time", catalogue=CATALOGUE, by="ada") == []
    ledger.then_verified()


def test_nobody_may_park_by_hand_without_the_role(ledger: LedgerScenario) -> None:
    with (
        ledger.database.connect(DatabaseRole.APPEND) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("delete from projection_failure")


def _failures(ledger: LedgerScenario, projection: str = "members") -> list:  # type: ignore[type-arg]
    with ledger.database.connect(DatabaseRole.READ) as connection:
        return list(parked(connection, projection=projection))
