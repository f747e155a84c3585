"""A history that is too long for memory is read in pages, and gives the answers that a short one gives."""

from datetime import datetime
from typing import Any

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.attribution import AttributedEvent
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.member import member_history, whole_facts_of
from temple_ledger.infrastructure.queries.role import holders_then
from temple_ledger.infrastructure.queries.role_history import role_history
from temple_ledger.infrastructure.queries.rows_then import PagedEvents, rows_of_member_then, rows_then
from temple_ledger.infrastructure.queries.trial import try_everybody, try_member
from temple_ledger.projections.explain import causes
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import ROLES, members
from temple_ledger.projections.testing.histories import at
from tests.queries.builders import now, unfoldable

GRANTS = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
    select gen_random_uuid(), %(begin)s::timestamptz + number * interval '1 hour', 'discord_role_change', %(user_id)s,
        'added', 'r' || number %% 3, jsonb_build_object('granted_by', 'eve', 'why', repeat(%(payload)s, 1000)), 'test'
    from generate_series(1, 40) as number
"""
MEMBERS = "temple_ledger.projections.members:members"
LONG = "x" * 1_000
"""A thousand of them are 1 MB: forty such events are more than is held."""


@pytest.fixture
def ledger(database: Database) -> Database:
    """Of one member whose history is too long for memory, and of another with the same one in short."""
    with database.connect(DatabaseRole.APPEND) as connection:
        for user_id, payload in (("long", LONG), ("short", "x")):
            connection.execute(GRANTS, {"begin": at(0), "user_id": user_id, "payload": payload})
    return database


def both(connection: psycopg.Connection[Any], moment: AsOf) -> tuple[Any, Any]:
    found = {each.user_id: each for each in rows_then(connection, members, ["long", "short"], moment, CATALOGUE)}
    assert isinstance(found["long"].events, PagedEvents)
    assert not isinstance(found["short"].events, PagedEvents)
    return found["long"], found["short"]


@pytest.mark.parametrize("as_of", [at(0.5), at(1), at(7.5), at(99), None])
def test_the_rows_are_those_of_then(ledger: Database, as_of: datetime | None) -> None:
    with snapshot(ledger) as connection:
        found = [rows_of_member_then(connection, members, each, AsOf(as_of), CATALOGUE) for each in ("long", "short")]
        assert found[0].rows == found[1].rows
        assert len(found[0].rows.get(ROLES.name, ())) == (0 if as_of == at(0.5) else 1 if as_of == at(1) else 3)


def test_what_was_known_then_leaves_out_what_was_recorded_later(ledger: Database) -> None:
    before = now(ledger)
    unfoldable(ledger, "long", at(50))
    with snapshot(ledger) as connection:
        assert both(connection, AsOf(known_at=before))[0].parked_at is None
        long, short = both(connection, AsOf())
    assert long.parked_at is not None
    assert long.rows == short.rows


def test_its_values_are_explained_by_the_same_events(ledger: Database) -> None:
    with snapshot(ledger) as connection:
        long, short = ([_cause(each) for each in _causes(found)] for found in both(connection, AsOf()))
        assert long == short


def test_a_role_has_the_same_history_and_holders(ledger: Database) -> None:
    moment = AsOf(known_at=now(ledger))
    with snapshot(ledger) as connection:
        steps = role_history(connection, "r1", moment, CATALOGUE).steps
        holders = holders_then(connection, "r1", moment, CATALOGUE)
    assert {each.user_id for each in holders} == {"long", "short"}
    mine, theirs = ([step.event.occurred_at for step in steps if step.user_id == who] for who in ("long", "short"))
    assert mine == theirs
    assert len(mine) == 14


def test_a_trial_folds_it_once_and_says_so(ledger: Database) -> None:
    with snapshot(ledger) as connection:
        everybody = try_everybody(connection, members, CATALOGUE, place=MEMBERS)
        one = try_member(connection, members, CATALOGUE, "long")
    assert (everybody.members, everybody.too_long, everybody.faults) == (2, 1, 0)
    assert one.rows is not None
    assert len(one.rows[ROLES.name]) == 3
    position = unfoldable(ledger, "long", at(50))
    with snapshot(ledger) as connection:
        (fault,) = try_everybody(connection, members, CATALOGUE, place=MEMBERS).listed
        assert try_member(connection, members, CATALOGUE, "long").fault == fault
    assert f"the event at position {position} cannot be folded: target is missing" in fault


def test_a_history_holds_of_the_payloads_what_says_who_did_it_and_gives_the_rest_one_by_one(ledger: Database) -> None:
    with snapshot(ledger) as connection:
        lean = member_history(connection, "long", AsOf(), payloads=False)
        assert {each.actor for each in lean} == {"eve"}
        assert max(len(each.event.metadata_text or "") for each in lean) < 100
        whole = whole_facts_of(connection, lean)
        assert [each.event.position for each in lean] == [_position_of_large(each) for each in whole]
        assert list(whole_facts_of(connection, lean)) == member_history(connection, "long", AsOf())


def _position_of_large(fact: AttributedEvent) -> int:
    assert len(fact.event.metadata["why"]) == 1_000 * len(LONG)
    return fact.event.position


def _causes(found: Any) -> Any:
    return causes(Fold(members, CATALOGUE), found.folded_events)


def _cause(cause: Any) -> tuple[Any, ...]:
    return cause.table, cause.key, cause.column, cause.value, cause.event.occurred_at
