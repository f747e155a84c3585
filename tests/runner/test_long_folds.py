"""A member whose history is too long for a step holds up nobody, and is folded all the same."""

from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.member_log.fold_members import fold_long
from temple_ledger.infrastructure.read_models.member_stream import MOST_EVENTS
from temple_ledger.infrastructure.read_models.operations import Parked, parked, retry
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.runner.long_folds import finish_long
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.examples.grants import GRANTS, grants
from tests.runner.poisoned import POISON, poisoned

MANY = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
    select gen_random_uuid(), '2026-02-01'::timestamptz + number * interval '1 s', 'discord_role_change',
        'ada', 'added', 'r' || number %% 5, jsonb_build_object('why', repeat('x', %s)), 'test'
    from generate_series(1, %s) as number
"""
LONG = MOST_EVENTS + 10


def many(database: Database, events: int, size: int = 0) -> None:
    with database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(MANY, (size, events))


def failures(ledger: LedgerScenario, projection: str = "grants") -> list[Parked]:
    with ledger.database.connect(DatabaseRole.READ) as connection:
        return list(parked(connection, projection=projection))


def run(ledger: LedgerScenario) -> None:
    with Wakeup(ledger.database) as wakeup:
        Runner(ledger.database, ledger.projections, wakeup, catalogue=CATALOGUE).run(until_caught_up=True)


def times_granted(ledger: LedgerScenario) -> int:
    return sum(times for _, times, _ in ledger.rows(grants, GRANTS.name, "ada"))


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    """Ada has a long history, all of it folded, and then a late event; bob comes after her."""
    found = LedgerScenario(database, projections=[grants], batch=25_000)
    many(database, LONG)
    found.catch_up()
    found.given(role_added("ada", "early", at(1)), role_added("bob", "Oracle", at(2)))
    found.catch_up()
    return found


def test_whoever_takes_too_long_is_set_aside_and_the_others_go_on(ledger: LedgerScenario) -> None:
    (failure,) = failures(ledger)
    assert (failure.user_id, failure.position, failure.kind) == ("ada", LONG + 1, "long")
    assert ledger.rows(grants, GRANTS.name, "bob") == [("Oracle", 1, at(2))]
    assert times_granted(ledger) == LONG
    # her rows are those of the position before, as of everybody who is parked
    ledger.then_verified()


def test_the_runner_folds_them_beside_the_steps(ledger: LedgerScenario) -> None:
    ledger.given(role_added("ada", "late again", at(3)), role_added("ada", "newest", at(1_000)))
    run(ledger)
    assert failures(ledger) == []
    assert times_granted(ledger) == LONG + 3
    ledger.then_verified()


def test_what_came_meanwhile_is_added_under_the_lock_and_a_late_event_starts_it_over(ledger: LedgerScenario) -> None:
    fold: Fold[Any] = Fold(grants, CATALOGUE)
    with ledger.database.connect(DatabaseRole.PROJECT) as connection:
        folded = fold_long(connection, fold, "ada", Position(LONG + 2))
        ledger.given(role_added("ada", "late", at(4)))
        ledger.catch_up()
        assert not finish_long(connection, fold, "ada", folded, Position(LONG + 2), PositionSet())
        assert [each.kind for each in failures(ledger)] == ["long"]
        folded = fold_long(connection, fold, "ada", Position(LONG + 3))
        ledger.given(role_added("ada", "newer", at(1_100)))
        ledger.catch_up()
        assert finish_long(connection, fold, "ada", folded, Position(LONG + 3), PositionSet())
    assert (failures(ledger), times_granted(ledger)) == ([], LONG + 3)
    ledger.then_verified()


def test_a_retry_by_hand_folds_it_too(ledger: LedgerScenario) -> None:
    assert retry(ledger.database, grants, failures(ledger), catalogue=CATALOGUE, by="ada") == []
    assert (failures(ledger), times_granted(ledger)) == ([], LONG + 1)
    ledger.then_verified()


def test_a_replay_folds_it_in_pages(ledger: LedgerScenario) -> None:
    rebuild(ledger.database, grants, by="ada", catalogue=CATALOGUE)
    assert (failures(ledger), times_granted(ledger)) == ([], LONG + 1)
    ledger.then_verified()


def test_a_raising_event_of_a_long_history_parks_at_its_position_live_and_in_replay(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[poisoned], batch=25_000)
    many(database, LONG)
    ledger.catch_up()
    ledger.given(role_added("ada", POISON, at(1_000)), role_added("bob", "Oracle", at(2)))
    run(ledger)
    (failure,) = failures(ledger, "poisoned")
    assert (failure.position, failure.kind) == (LONG + 1, "event")
    assert "the author's mistake" in failure.error
    assert ledger.rows(poisoned, "poisoned", "bob") == [(1,)]
    ledger.then_verified()
    rebuild(ledger.database, poisoned, by="ada", catalogue=CATALOGUE)
    assert [each.position for each in failures(ledger, "poisoned")] == [LONG + 1]
    ledger.then_verified()


def test_few_events_with_large_payloads_are_too_long_as_well(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[members], batch=25_000)
    many(database, 70, size=500_000)
    ledger.catch_up()
    ledger.given(joined("ada", at(1)))
    ledger.catch_up()
    assert [each.kind for each in failures(ledger, "members")] == ["long"]
    run(ledger)
    assert failures(ledger, "members") == []
    ledger.then_verified()
