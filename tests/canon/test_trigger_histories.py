"""With the trigger on, the rows are those of the fold after every append, however and in whatever order events come."""

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import Event
from temple_ledger.domain.events import MembershipStarted, RoleAdded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.trigger_mode import disable, enable
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import ended, joined, left, marked_inactive, pledged, role_added
from tests.canon.drawn import EVENTS, Row, copy, example, insert
from tests.canon.folds import by_python, drift, slowly, snapshot_by_sql, stored
from tests.thorough import examples


def role_oracle(user_id: str) -> RoleAdded:
    return role_added(user_id, "Oracle", by="mod")


def pledged_gold(user_id: str) -> MembershipStarted:
    return pledged(user_id, "gold")


STEPS = st.lists(
    st.tuples(st.sampled_from(["one", "one", "many", "copy", "again", "rolled back"]), st.integers(1, 8)), max_size=30
)


def test_rows_are_the_fold_after_every_append(database: Database) -> None:
    enable(database, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.APPEND) as append, database.connect(DatabaseRole.READ) as read:

        @settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(EVENTS, STEPS)
        def holds(drawn: list[Any], steps: list[tuple[str, int]]) -> None:
            history = example(drawn)
            waiting, done = list(history.rows), list[Row]()
            there = stored(read, history.user_ids)
            for step, number in [*steps, ("many", len(waiting))]:
                batch = (done if step == "again" else waiting)[: 1 if step == "one" else number]
                if not batch:
                    continue
                if step == "copy":
                    copy(append, batch)
                elif step == "rolled back":
                    with append.transaction(force_rollback=True):
                        insert(append, batch)
                else:
                    insert(append, batch)
                if step not in ("again", "rolled back"):
                    done += batch
                    waiting = waiting[len(batch) :]
                there = stored(read, history.user_ids)
                assert there == by_python(read, history.user_ids)
                assert snapshot_by_sql(read, history.user_ids)[:2] == there[:2]
            roles, statuses = slowly(read, history.user_ids, there.parked)
            assert (there.roles, there.statuses) == (roles, statuses)

        holds()
        assert drift(read) == []
        assert read.execute("select from projection_failure").rowcount, "every event could be folded"
    assert verify(database, members, catalogue=CATALOGUE).ok


STORED: dict[str, list[Callable[[str], Event]]] = {
    "came and went at once": [joined, left],
    "went, and was never seen to come": [left],
    "got a role and went at once": [role_oracle, left],
    "went, and paid at once": [joined, left, pledged_gold],
    "was marked": [marked_inactive],
    "came and was marked at once": [joined, marked_inactive],
    "went and was marked at once": [joined, left, marked_inactive],
    "had a role before it came": [role_oracle, joined],
    "came back by a role": [joined, left, role_oracle],
    "paid, and pays no more": [pledged_gold, ended],
}


def test_what_is_stored_is_said_in_events_that_give_it_again(database: Database) -> None:
    """All at one time, so that only their own order tells them apart."""
    ledger = LedgerScenario(database)
    enable(database, catalogue=CATALOGUE, by="ada")
    for user_id, events in STORED.items():
        ledger.given(*[event(user_id) for event in events])
    with database.connect(DatabaseRole.READ) as read:
        there = stored(read, list(STORED))
        assert there == by_python(read, list(STORED))
        assert snapshot_by_sql(read, list(STORED))[:2] == there[:2]


def test_trigger_and_runner_take_turns_and_the_rows_are_the_fold(database: Database) -> None:
    """Each goes on from what the other one left, parked members and frontiers included."""
    ledger = LedgerScenario(database)
    on, off = partial(enable, by="ada", catalogue=CATALOGUE), partial(disable, by="ada")
    with database.connect(DatabaseRole.APPEND) as append, database.connect(DatabaseRole.READ) as read:

        @settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(EVENTS, st.integers(0, 40), st.integers(0, 40), st.booleans())
        def holds(drawn: list[Any], one: int, other: int, caught_up: bool) -> None:
            history = example(drawn)
            first, second = sorted((one % len(drawn), other % len(drawn)))
            parts = history.rows[:first], history.rows[first:second], history.rows[second:]
            for part, switch in zip(parts, (on, off, None), strict=True):
                if part:
                    insert(append, part)
                if caught_up and switch is on:
                    ledger.catch_up()
                if switch is not None:
                    switch(database)
                    assert stored(read, history.user_ids) == by_python(read, history.user_ids)
            ledger.catch_up()
            assert stored(read, history.user_ids) == by_python(read, history.user_ids)

        holds()
        assert drift(read) == []
        ledger.then_verified()
