"""A member now, and as of any moment: the same fold of other events."""

from datetime import timedelta

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import UnknownName
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.member import (
    list_members,
    member_history,
    members_then,
    require_member,
    stored_members,
    waiting_events,
)
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import (
    at,
    changed_tier,
    joined,
    left,
    pledged,
    role_added,
    role_removed,
)
from tests.queries.builders import now, unfoldable


def then(ledger: LedgerScenario, user_id: str, moment: AsOf) -> tuple[str | None, list[str], str | None] | None:
    """Status, roles and tier; None when nothing was known."""
    with snapshot(ledger.database) as connection:
        found = [each.member for each in members_then(connection, [user_id], moment, catalogue=CATALOGUE)]
    if not found or found[0] is None:
        return None
    return found[0].status, sorted(held.role for held in found[0].roles), found[0].patreon_tier


def test_as_of_a_time_only_what_had_occurred_by_then_counts(ledger: LedgerScenario) -> None:
    ledger.given(
        joined("ada", at(1)),
        role_added("ada", "Oracle", at(2)),
        pledged("ada", "Gold", at(3)),
        left("ada", at(4)),
    )
    assert then(ledger, "ada", AsOf(at(0))) is None
    assert then(ledger, "ada", AsOf(at(1))) == ("active", [], None)
    assert then(ledger, "ada", AsOf(at(2))) == ("active", ["Oracle"], None)
    assert then(ledger, "ada", AsOf(at(3))) == ("active", ["Oracle"], "Gold")
    assert then(ledger, "ada", AsOf(at(4))) == ("departed", [], "Gold")


def test_an_event_at_the_very_time_counts(ledger: LedgerScenario) -> None:
    ledger.given(joined("ada", at(1)))
    assert then(ledger, "ada", AsOf(at(1))) is not None
    assert then(ledger, "ada", AsOf(at(1) - timedelta(microseconds=1))) is None


def test_as_known_then_a_late_event_does_not_count_before_it_was_recorded(ledger: LedgerScenario) -> None:
    ledger.given(joined("ada", at(1)), role_removed("ada", "Oracle", at(5)))
    before = now(ledger.database)
    ledger.when(role_added("ada", "Oracle", at(2)))
    assert then(ledger, "ada", AsOf(as_of=at(3), known_at=before)) == ("active", [], None)
    assert then(ledger, "ada", AsOf(as_of=at(3))) == ("active", ["Oracle"], None)
    assert then(ledger, "ada", AsOf(known_at=before)) == ("active", [], None)


def test_without_a_time_the_fold_of_the_log_is_what_is_stored(ledger: LedgerScenario) -> None:
    ledger.given(
        joined("ada", at(1)),
        role_added("ada", "Oracle", at(2), by="eve"),
        role_added("bob", "Seeker", at(2)),
        changed_tier("patreon:7", "Gold", at(3)),
        left("bob", at(4)),
    )
    ledger.catch_up()
    everybody = ["ada", "bob", "patreon:7"]
    with snapshot(ledger.database) as connection:
        folded = {
            each.user_id: each.member for each in members_then(connection, everybody, AsOf(), catalogue=CATALOGUE)
        }
        assert folded == stored_members(connection, everybody)


def test_a_position_that_was_skipped_is_left_out_of_the_past_too(ledger: LedgerScenario) -> None:
    _, position = ledger.given(joined("ada", at(1)), left("ada", at(2)))
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(
            "insert into skipped_position (projection, position, user_id, skipped_by, reason)"
            " values ('members', %s, 'ada', 'eve', 'a test')",
            (position,),
        )
    assert then(ledger, "ada", AsOf(at(3))) == ("active", [], None)


def test_a_member_with_an_event_that_does_not_fold_is_as_before_it(ledger: LedgerScenario) -> None:
    ledger.given(joined("ada", at(1)))
    position = unfoldable(ledger.database, "ada", at(2))
    ledger.when(role_added("ada", "Oracle", at(3)))
    with snapshot(ledger.database) as connection:
        (found,) = members_then(connection, ["ada"], AsOf(at(9)), catalogue=CATALOGUE)
    assert found.parked_at == position
    assert found.member is not None
    assert found.member.roles == ()
    assert [event.action for event in found.folded_events] == ["joined"]


def test_the_history_of_a_member_is_by_when_it_happened(ledger: LedgerScenario) -> None:
    late = ledger.given(role_added("ada", "Oracle", at(5)), joined("ada", at(1)))
    with snapshot(ledger.database) as connection:
        history = member_history(connection, "ada", AsOf())
    assert [fact.event.position for fact in history] == [late[1], late[0]]
    assert all(fact.event.event_id is not None and fact.event.recorded_at is not None for fact in history)


def test_members_are_listed_by_id_a_page_at_a_time(ledger: LedgerScenario) -> None:
    ledger.given(joined("ada"), joined("bob"), joined("cleo"), role_added("cleo", "Oracle"), left("bob", at(1)))
    ledger.catch_up()
    with snapshot(ledger.database) as connection:

        def listed(after: str = "", limit: int = 9, status: str | None = None, role: str | None = None) -> list[str]:
            found = list_members(connection, status=status, role=role, after=after, limit=limit)
            return [member.user_id for member in found]

        assert listed(limit=2) == ["ada", "bob"]
        assert listed(after="bob") == ["cleo"]
        assert listed(status="departed") == ["bob"]
        assert listed(role="Oracle") == ["cleo"]


def test_an_unknown_member_is_answered_with_near_ids(ledger: LedgerScenario) -> None:
    ledger.given(joined("500000000000000001"), joined("600000000000000001"))
    ledger.catch_up()
    with snapshot(ledger.database) as connection:
        require_member(connection, "500000000000000001")
        with pytest.raises(UnknownName, match="did you mean 500000000000000001"):
            require_member(connection, "500000000000000007")


def test_a_member_whose_events_are_not_folded_yet_is_known(ledger: LedgerScenario) -> None:
    ledger.given(joined("ada"), role_added("ada", "Oracle"))
    with snapshot(ledger.database) as connection:
        require_member(connection, "ada")
        assert stored_members(connection, ["ada"]) == {}
        assert waiting_events(connection, "ada") == 2
