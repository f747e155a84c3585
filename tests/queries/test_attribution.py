"""A fact whose actor was named later stands in the log twice, and is read once."""

from datetime import datetime
from uuid import uuid4

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.log.append import append_within
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.attribution import attributed_positions, merge_attributions
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.events import ALL, following
from temple_ledger.infrastructure.queries.member import member_history
from temple_ledger.infrastructure.queries.role_history import RoleHistoryStep, role_history
from temple_ledger.infrastructure.sources.discord.change import entry_of_change
from temple_ledger.infrastructure.sources.discord.inference import role_deleted as ended_with_role
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.role_periods import RoleEnding
from temple_ledger.projections.testing.histories import at, left, role_added, role_removed
from tests.queries.builders import append, append_twice, now, role_created, role_deleted, unfoldable

HISTORY = [
    role_added("ada", "Oracle", at(1)),
    role_removed("ada", "Oracle", at(2)),
    role_added("bob", "Oracle", at(3)),
    left("bob", at(4)),
]


def history_of(ledger: LedgerScenario, known_at: datetime | None = None) -> list[RoleHistoryStep]:
    with snapshot(ledger.database) as connection:
        return list(role_history(connection, "Oracle", AsOf(known_at=known_at), catalogue=CATALOGUE).steps)


def told(steps: list[RoleHistoryStep]) -> list[tuple[str, str, str | None]]:
    return [(each.user_id, each.ending or each.change, each.granted_by or each.ended_by) for each in steps]


def test_a_grant_is_one_step_by_whoever_gave_it(ledger: LedgerScenario) -> None:
    first, later = append_twice(ledger, HISTORY[0])
    (step,) = history_of(ledger)
    assert (step.change.value, step.granted_by, step.event.position) == ("granted", "eve", first)
    assert step.attribution is not None
    assert step.attribution.position == later


def test_each_end_is_one_step_by_whoever_made_it(ledger: LedgerScenario) -> None:
    for event in HISTORY:
        append_twice(ledger, event)
    assert told(history_of(ledger)) == [
        ("ada", "granted", "eve"),
        ("ada", "removed", "eve"),
        ("bob", "granted", "eve"),
        ("bob", "left", "eve"),
    ]


def test_an_end_whose_actor_was_known_at_once_names_it_too(ledger: LedgerScenario) -> None:
    for event in HISTORY:
        append(ledger, event, by="eve")
    assert told(history_of(ledger))[1::2] == [("ada", "removed", "eve"), ("bob", "left", "eve")]


def test_whoever_leaves_without_anybodys_doing_is_named_by_nobody(ledger: LedgerScenario) -> None:
    ledger.given(*HISTORY)
    assert told(history_of(ledger)) == [
        ("ada", "granted", None),
        ("ada", "removed", None),
        ("bob", "granted", None),
        ("bob", "left", None),
    ]


@pytest.mark.parametrize("named", ["at once", "later", "never"])
def test_a_role_that_was_deleted_ended_so_for_each_holder_by_whoever_deleted_it(
    ledger: LedgerScenario, named: str
) -> None:
    ledger.given(role_created("Oracle", "Oracle"), HISTORY[0])
    change = ended_with_role("1", "ada", "Oracle", at(9))
    with ledger.database.connect(DatabaseRole.APPEND) as connection:
        append_within(connection, [entry_of_change(change)])
    if named == "later":
        append_twice(ledger, role_deleted("Oracle", at(9)))
    else:
        append(ledger, role_deleted("Oracle", at(9)), **({"by": "eve"} if named == "at once" else {}))
    end = history_of(ledger)[-1]
    assert (end.ending, end.ended_by) == (RoleEnding.ROLE_DELETED, None if named == "never" else "eve")


def test_a_renewal_is_by_whoever_renewed_it(ledger: LedgerScenario) -> None:
    append_twice(ledger, role_added("ada", "Oracle", at(1)), "eve")
    append_twice(ledger, role_added("ada", "Oracle", at(2)), "mod")
    assert told(history_of(ledger)) == [("ada", "granted", "eve"), ("ada", "renewed", "mod")]


def test_what_was_recorded_later_names_nobody_and_is_no_step_of_then(ledger: LedgerScenario) -> None:
    event_id, _ = append(ledger, HISTORY[0])
    before = now(ledger.database)
    append(ledger, HISTORY[0], attributes=str(event_id), granted_by="eve")
    assert told(history_of(ledger, before)) == [("ada", "granted", None)]
    assert told(history_of(ledger)) == [("ada", "granted", "eve")]
    with snapshot(ledger.database) as connection:
        (then,) = member_history(connection, "ada", AsOf(known_at=before))
        (since,) = member_history(connection, "ada", AsOf())
    assert (then.actor, then.attribution, since.actor) == (None, None, "eve")


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_of_any_size_have_each_fact_once_and_its_actor(ledger: LedgerScenario, size: int) -> None:
    for event in HISTORY:
        append_twice(ledger, event, between=2)
    found, after = [], Position(0)
    with snapshot(ledger.database) as connection:
        while page := following(connection, ALL, after=after, limit=size):
            found += merge_attributions(connection, page)
            after = page[-1].position
    facts = [(each.event.user_id, each.event.action, each.actor) for each in found if each.actor]
    assert facts == [
        ("ada", "added", "eve"),
        ("ada", "removed", "eve"),
        ("bob", "added", "eve"),
        ("bob", "left", "eve"),
    ]
    assert len(found) == len(HISTORY) * 3


def test_what_names_another_fact_or_none_that_is_there_stands_for_itself(ledger: LedgerScenario) -> None:
    event_id, _ = append(ledger, HISTORY[0])
    others = (
        (role_added("ada", "Seeker", at(1)), str(event_id)),
        (role_removed("ada", "Oracle", at(1)), str(event_id)),
        (role_added("ada", "Oracle", at(1.5)), str(event_id)),
        (role_added("bob", "Oracle", at(1)), str(event_id)),
        (role_added("ada", "Oracle", at(1)), str(uuid4())),
        (role_added("ada", "Oracle", at(1)), "no id at all"),
    )
    for event, attributes in others:
        append(ledger, event, attributes=attributes)
    with snapshot(ledger.database) as connection:
        facts = member_history(connection, "ada", AsOf()) + member_history(connection, "bob", AsOf())
    assert len(facts) == 1 + len(others)
    assert not any(fact.attribution for fact in facts)


def test_of_two_attributions_the_last_one_counts_and_each_fact_stands_once(ledger: LedgerScenario) -> None:
    event_id, _ = append(ledger, HISTORY[0])
    for by in ("eve", "mod"):
        append(ledger, HISTORY[0], attributes=str(event_id), granted_by=by)
    assert told(history_of(ledger)) == [("ada", "granted", "mod")]


def test_where_one_of_the_two_is_skipped_the_other_one_stays(ledger: LedgerScenario) -> None:
    first, later = append_twice(ledger, HISTORY[0])
    for left_out in (first, later):
        with snapshot(ledger.database) as connection:
            facts = member_history(connection, "ada", AsOf(), left_out={left_out})
        assert [fact.event.position for fact in facts] == [first, later]


def test_an_attribution_behind_a_parked_event_names_nobody_yet(ledger: LedgerScenario) -> None:
    event_id, _ = append(ledger, HISTORY[0])
    unfoldable(ledger.database, "ada", at(0.5))
    append(ledger, HISTORY[0], attributes=str(event_id), granted_by="eve")
    assert told(history_of(ledger)) == [("ada", "granted", None)]


def test_an_attribution_has_the_position_of_the_first(ledger: LedgerScenario) -> None:
    first, later = append_twice(ledger, HISTORY[0])
    append(ledger, HISTORY[1], attributes=str(uuid4()))
    with snapshot(ledger.database) as connection:
        events = following(connection, ALL, after=Position(0), limit=9)
        assert attributed_positions(connection, events) == {later: first}
