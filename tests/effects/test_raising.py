"""An effect sees the change of each event, whatever the batches were, and what it sends is stored with the rows."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.queries.effects import effect_statuses
from temple_ledger.infrastructure.read_models import member_stream
from temple_ledger.infrastructure.read_models.operations import parked, retry, skip
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, reinstate, retract
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.repair import repair
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.processor import processor_of
from tests.effects.builders import Record, outbox, sent, warned, warnings, young
from tests.queries.builders import altered
from tests.thorough import examples

FOLD: Fold[Record] = Fold(warnings, CATALOGUE.with_models(warnings.steps))


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=(warnings,))


def held(database: Database, effect: str) -> dict[str, int]:
    with database.connect(DatabaseRole.READ) as connection:
        return next(dict(each.reasons) for each in effect_statuses(connection) if each.name == effect)


def expected(log: Sequence[Recorded]) -> list[tuple[int, Any]]:
    """By the equation: rows(member, p - 1) and rows(member, p)."""
    found: list[tuple[int, Any]] = []
    for recorded in log:
        before, after = (
            FOLD.whole([each for each in log if each.user_id == recorded.user_id and each.position <= upto])
            for upto in (recorded.position - 1, recorded.position)
        )
        if after.parked_at is not None or before.rows == after.rows or after.state is None:
            continue
        points = 0 if before.state is None else before.state.points
        data = {"member": recorded.user_id, "before": points, "after": after.state.points}
        found.append((recorded.position, data))
    return found


EVENTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.integers(-1, 4)), min_size=1, max_size=14)


@pytest.mark.usefixtures("one_member_at_a_time")
def test_each_event_raises_what_the_equation_says_whatever_the_batches_were(database: Database) -> None:
    ledger = LedgerScenario(database, projections=(warnings,))
    example = 0
    with database.connect(DatabaseRole.PROJECT) as project, database.connect(DatabaseRole.READ) as read:

        @settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(EVENTS, st.lists(st.integers(1, 6), min_size=1), st.booleans())
        def holds(drawn: list[tuple[str, int, int]], batches: list[int], restarts: bool) -> None:
            nonlocal example
            example += 1
            positions = ledger.given(*[warned(f"{who}{example}", hour, points) for who, hour, points in drawn])
            processor = processor_of(warnings, transactions(project), catalogue=ledger.catalogue)
            while True:
                step = processor.step(upto=settled_head(project), limit=batches[0])
                if step.idle is not None:
                    break
                batches = [*batches[1:], batches[0]]
                if restarts:
                    processor = processor_of(warnings, transactions(project), catalogue=ledger.catalogue)
            log = list(_log(read, positions))
            first_parked = {}
            for user_id in {recorded.user_id for recorded in log}:
                parked_at = FOLD.whole([each for each in log if each.user_id == user_id]).parked_at
                first_parked[user_id] = parked_at
            due = [each for each in expected(log) if (at := first_parked[each[1]["member"]]) is None or each[0] < at]
            assert [each for each in sent(database) if each[0] >= positions[0]] == due

        holds()


def _log(connection: Any, positions: Sequence[Position]) -> Sequence[Recorded]:
    from temple_ledger.infrastructure.log.reader import events

    return events(connection, after=Position(positions[0] - 1), upto=positions[-1], limit=1_000)


def test_a_threshold_is_crossed_once(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(young("ada", 3, 6), young("ada", 2, 6), young("ada", 1, 6))
    ledger.catch_up()
    (entry,) = [each for each in outbox(database) if each.effect == "notify_moderators"]
    assert (entry.sink, entry.type, entry.data) == ("moderators", "points", {"content": "ada has 12 points"})
    assert (entry.state, entry.position, entry.message_id) == ("waiting", 2, "effective-1-2-notify_moderators-0")


def test_a_function_that_raises_leaves_a_failed_entry_and_parks_nobody(
    database: Database, ledger: LedgerScenario
) -> None:
    ledger.given(young("ada", 3, 13), young("ada", 2, 1))
    ledger.then_row(warnings, "ada", Record(2, 14, "eve"))
    (entry,) = outbox(database, states=["failed"])
    assert (entry.position, entry.error, entry.data) == (1, "RuntimeError: unlucky", None)
    assert "builders.py" in (entry.frames or "")


def test_events_from_before_it_was_installed_raise_nothing_and_are_counted(database: Database) -> None:
    LedgerScenario(database, catalogue=CATALOGUE.with_models(warnings.steps)).given(warned("ada", 1), warned("bob", 2))
    ledger = LedgerScenario(database, projections=(warnings,))
    (third,) = ledger.given(warned("ada", 3))
    ledger.catch_up()
    assert [position for position, _ in sent(database)] == [third]
    assert held(database, "every_change") == {"before its start": 2}


def test_old_events_raise_nothing_but_where_any_age_will_do(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1, 20))
    ledger.catch_up()
    assert [each.effect for each in outbox(database)] == ["every_change"]
    assert (held(database, "every_change"), held(database, "notify_moderators")) == ({}, {"too old": 1})


def test_an_import_raises_nothing(database: Database, ledger: LedgerScenario) -> None:
    (position,) = ledger.given(warned("ada", 1, 20))
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("insert into log_import (file, imported_by) values ('x', 'ada')")
        connection.execute("insert into log_import_range values (%s, %s, 1)", (position, position))
    ledger.given(young("ada", 1, 1))
    ledger.catch_up()
    assert sent(database) == [(2, {"member": "ada", "before": 20, "after": 21})]
    assert held(database, "every_change") == {"imported": 1}


def test_what_a_snapshot_found_raises_nothing(database: Database, ledger: LedgerScenario) -> None:
    from uuid import uuid4

    from temple_ledger.domain.log_entry import entry_of_event

    entry = entry_of_event(
        young("ada", 1), event_id=uuid4(), notes={"reconciled": str(uuid4())}, catalogue=ledger.catalogue
    )
    ledger.append([entry])
    ledger.catch_up()
    assert outbox(database) == []
    assert held(database, "notify_moderators") == {"of a snapshot": 1}


def test_what_was_not_folded_yet_when_a_replay_came_raises_its_effects(
    database: Database, ledger: LedgerScenario
) -> None:
    ledger.given(warned("ada", 1))
    ledger.catch_up()
    ledger.given(warned("ada", 2), warned("bob", 3))
    assert rebuild(database, warnings, by="ada", catalogue=ledger.catalogue) is not None
    ledger.catch_up()
    assert [position for position, _ in sent(database)] == [1, 2, 3]
    assert held(database, "every_change") == {}


def test_replay_and_repair_raise_nothing_and_what_a_replay_passed_is_counted(
    database: Database, ledger: LedgerScenario
) -> None:
    ledger.given(warned("ada", 1))
    ledger.catch_up()
    ledger.given(warned("ada", 2), warned("bob", 3))
    altered(database, "update projection_checkpoint set state = 'needs replay' where projection = 'effective'")
    assert rebuild(database, warnings, by="ada", catalogue=ledger.catalogue) is not None
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("update example_effects set points = 99 where user_id = 'ada'")
    found = verify(database, warnings, catalogue=ledger.catalogue)
    repair(database, warnings, found, by="ada", reason="test", catalogue=ledger.catalogue)
    ledger.catch_up()
    assert [position for position, _ in sent(database)] == [1]
    assert held(database, "every_change") == {"passed by a replay": 2}


def test_a_retraction_and_its_way_back_raise_nothing(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1), warned("ada", 2))
    ledger.catch_up()
    chosen = Selection(positions=PositionSet.of([Position(1)]))
    retract(database, chosen, [warnings], ledger.catalogue, reason="test", by="ada")
    reinstate(database, chosen, [warnings], ledger.catalogue, by="ada")
    ledger.given(warned("ada", 3))
    ledger.catch_up()
    assert sent(database)[-1] == (3, {"member": "ada", "before": 2, "after": 3})
    assert len(sent(database)) == 3


@pytest.mark.parametrize("most_events", [member_stream.MOST_EVENTS, 2], ids=["in memory", "too long for memory"])
def test_what_a_parked_member_waited_for_raises_its_effects_when_it_is_folded(
    database: Database, ledger: LedgerScenario, most_events: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.given(warned("ada", 1, 2), warned("ada", 2, -1), warned("ada", 3, 3), warned("ada", 0, 4))
    ledger.catch_up()
    monkeypatch.setattr(member_stream, "MOST_EVENTS", most_events)
    assert [position for position, _ in sent(database)] == [1]
    with database.connect(DatabaseRole.READ) as connection:
        failures = parked(connection, projection=warnings.name)
    assert retry(database, warnings, failures, by="ada", catalogue=ledger.catalogue)
    assert len(sent(database)) == 1
    assert not skip(database, warnings, failures[0], by="ada", reason="test", catalogue=ledger.catalogue)
    assert sent(database) == [
        (1, {"member": "ada", "before": 0, "after": 2}),
        (3, {"member": "ada", "before": 2, "after": 5}),
        (4, {"member": "ada", "before": 5, "after": 9}),
    ]


def test_nothing_is_worked_out_where_nobody_uses_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    import temple_ledger.projections.batch as batch
    from temple_ledger.projections.members import members
    from temple_ledger.projections.testing.histories import joined

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a change was worked out")

    monkeypatch.setattr(batch, "extend_stepping", refuse)
    monkeypatch.setattr(batch, "follow_history", refuse)
    ledger = LedgerScenario(database, projections=(members,))
    ledger.given(joined("ada"))
    ledger.catch_up()
