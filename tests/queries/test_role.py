"""Who held which role then, who granted it, and what ended it."""

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.role import holder_counts, holders, holders_then
from temple_ledger.infrastructure.queries.role_history import role_history
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, left, role_added, role_removed
from tests.queries.builders import now, unfoldable


def given_a_role_in_motion(ledger: LedgerScenario) -> None:
    ledger.given(
        role_added("ada", "Oracle", at(1), by="eve"),
        role_added("bob", "Oracle", at(2)),
        role_added("ada", "Oracle", at(3)),
        role_removed("ada", "Oracle", at(4)),
        role_added("cleo", "Seeker", at(4)),
        left("bob", at(5)),
        joined("bob", at(6)),
    )
    ledger.catch_up()


def test_holders_are_those_of_the_tables(ledger: LedgerScenario) -> None:
    given_a_role_in_motion(ledger)
    ledger.when(role_added("ada", "Seeker", at(7), by="eve"))
    ledger.catch_up()
    with snapshot(ledger.database) as connection:
        found = [(each.user_id, each.held.granted_by) for each in holders(connection, "Seeker")]
        assert found == [("cleo", None), ("ada", "eve")]
        assert holder_counts(connection) == {"Seeker": 2}


def test_holders_then_are_those_of_the_fold(ledger: LedgerScenario) -> None:
    given_a_role_in_motion(ledger)
    with snapshot(ledger.database) as connection:

        def held(hours: float) -> list[str]:
            return [each.user_id for each in holders_then(connection, "Oracle", AsOf(at(hours)), catalogue=CATALOGUE)]

        assert [held(hours) for hours in (0, 1, 2, 4, 5, 9)] == [[], ["ada"], ["ada", "bob"], ["bob"], [], []]


def test_holders_as_known_then_leave_out_what_was_recorded_later(ledger: LedgerScenario) -> None:
    ledger.given(role_added("ada", "Oracle", at(1)))
    before = now(ledger.database)
    ledger.when(role_added("bob", "Oracle", at(1)))
    with snapshot(ledger.database) as connection:
        found = holders_then(connection, "Oracle", AsOf(known_at=before), catalogue=CATALOGUE)
    assert [each.user_id for each in found] == ["ada"]


def test_the_history_of_a_role_has_each_grant_and_each_end_and_leaving_is_one(ledger: LedgerScenario) -> None:
    given_a_role_in_motion(ledger)
    with snapshot(ledger.database) as connection:
        found = role_history(connection, "Oracle", AsOf(), catalogue=CATALOGUE).steps
    assert [(each.event.occurred_at, each.user_id, each.change.value, each.granted_by) for each in found] == [
        (at(1), "ada", "granted", "eve"),
        (at(2), "bob", "granted", None),
        (at(3), "ada", "renewed", "eve"),
        (at(4), "ada", "ended", None),
        (at(5), "bob", "ended", None),
    ]
    assert found[-1].event.event_type == "discord_leave"


def test_the_history_stops_where_a_member_is_parked(ledger: LedgerScenario) -> None:
    ledger.given(role_added("ada", "Oracle", at(1)))
    unfoldable(ledger.database, "ada", at(2))
    ledger.when(role_removed("ada", "Oracle", at(3)))
    with snapshot(ledger.database) as connection:
        found = role_history(connection, "Oracle", AsOf(), catalogue=CATALOGUE).steps
        assert [each.change.value for each in found] == ["granted"]
