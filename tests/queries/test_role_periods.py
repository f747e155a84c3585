"""`role_periods` is its definition whatever happened on the way, and what is read from it is what the fold answers."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations, count
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.log_entry import NAMESPACE
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.role import Holder, holders_then, page_of_holders_then
from temple_ledger.infrastructure.queries.role_difference import role_difference
from temple_ledger.infrastructure.queries.role_history import RoleStep, role_history
from temple_ledger.infrastructure.queries.role_periods import MOST_BEHIND, stored_periods
from temple_ledger.infrastructure.read_models.operations import parked, skip
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, reinstate, retract
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection, processor_of
from temple_ledger.projections.role_periods import ROLE_PERIODS, role_periods
from temple_ledger.projections.testing.histories import at, joined, left, role_added, role_removed
from tests.canon.drawn import Row, insert
from tests.queries.builders import altered, unfoldable
from tests.queries.slow_periods import slow_periods
from tests.thorough import examples

ROLES = ("Oracle", "Seeker")
BOTH: Sequence[Projection] = (members, role_periods)
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A smaller example takes minutes to find, since each one is played on a database."""

KINDS = st.sampled_from(
    [
        ("discord_join", "joined"),
        ("discord_leave", "left"),
        *[("discord_role_change", "added")] * 4,
        *[("discord_role_change", "removed")] * 3,
        ("patreon_membership", "started"),
    ]
)
METADATA = st.sampled_from(
    [
        {},
        {},
        {"granted_by": "mod", "by": "mod"},
        {"granted_by": "bot", "by": "bot"},
        {"granted_by": "", "by": ""},
        {"granted_by": 12, "by": [], "how": 3},
        {"how": "role deleted"},
        {"how": "role deleted", "by": "eve"},
    ]
)
TARGETS = st.sampled_from([*ROLES * 8, None])
"""None is a role event without a role: it parks the member, until somebody skips it."""
EVENTS = st.lists(st.tuples(KINDS, st.integers(0, 1), TARGETS, st.integers(0, 6), METADATA), min_size=8, max_size=30)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "append", "fold", "fold", "restart", "skip", "retract", "reinstate"]),
        st.integers(0, 40),
        st.integers(1, 6),
    ),
    min_size=3,
    max_size=16,
)
_examples = count(1)


def _row(number: int, example: int, drawn: Any) -> Row:
    (event_type, action), who, role, hour, metadata = drawn
    when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    target = role if event_type == "discord_role_change" else None
    event_id = uuid5(NAMESPACE, f"periods {example}/{number}")
    return Row(event_id, when.isoformat(), event_type, f"{example}-{who}", action, target, json.dumps(metadata), "test")


class Play:
    """One history, appended and folded in pieces, with skips and retractions in between."""

    def __init__(self, database: Database, connection: psycopg.Connection[Any], rows: Sequence[Row]) -> None:
        self.database = database
        self.positions: dict[UUID, Position] = {}
        self.left_out = PositionSet()
        self._connection = connection
        self._waiting = list(rows)
        self._restart()

    def step(self, name: str, start: int, number: int) -> None:
        match name:
            case "append":
                some, self._waiting = self._waiting[:number], self._waiting[number:]
                if some:
                    positions = insert(self._connection, some)
                    self.positions |= {row.event_id: at for row, at in zip(some, positions, strict=True)}
            case "fold":
                self.fold(number)
            case "restart":
                self._restart()
            case "skip":
                self.skip()
            case _:
                self._retraction(name, start, number)

    def end(self) -> None:
        """All of it is appended, folded, and nobody is parked."""
        self.step("append", 0, len(self._waiting))
        self.fold(1_000)
        while self.skip():
            self.fold(1_000)

    def fold(self, number: int) -> None:
        head = settled_head(self._connection)
        for processor in self._processors:
            processor.step(upto=head, limit=number)

    def skip(self) -> bool:
        found = [each for name in BOTH for each in parked(self._connection, projection=name.name)]
        for failure in found:
            for projection in BOTH:
                if projection.name == failure.projection:
                    skip(self.database, projection, failure, reason="drawn", catalogue=CATALOGUE, by="ada")
        self.left_out |= PositionSet.of(each.position for each in found)
        return bool(found)

    def _restart(self) -> None:
        opener = transactions(self._connection)
        self._processors = [processor_of(each, opener, catalogue=CATALOGUE) for each in BOTH]

    def _retraction(self, name: str, start: int, number: int) -> None:
        positions = list(self.positions.values())
        chosen = PositionSet.of(positions[start % max(1, len(positions)) :][:number])
        selection = Selection(positions=chosen)
        if name == "retract":
            retract(self.database, selection, BOTH, CATALOGUE, reason="drawn", by="ada")
            self.left_out |= chosen
        else:
            reinstate(self.database, selection, BOTH, CATALOGUE, by="ada")
            self.left_out -= chosen


def test_the_periods_are_their_definition_and_questions_have_the_answers_of_the_fold(database: Database) -> None:
    with database.connect(DatabaseRole.OWNER) as connection:

        @settings(
            max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=UNSHRUNK
        )
        @given(EVENTS, STEPS)
        def holds(drawn: list[Any], steps: list[tuple[str, int, int]]) -> None:
            example = next(_examples)
            rows = [_row(number, example, each) for number, each in enumerate(drawn)]
            play = Play(database, connection, rows)
            for step in steps:
                play.step(*step)
            play.end()
            for user_id in {row.user_id for row in rows}:
                mine = [row for row in rows if row.user_id == user_id]
                assert _stored(connection, user_id) == _expected(mine, play)

        holds()
    for projection in BOTH:
        assert verify(database, projection, catalogue=CATALOGUE).ok
    with snapshot(database) as read:
        assert stored_periods(read).why_not is None
        answered = [_answers(read, hour) for hour in range(8)]
    altered(database, "update projection_checkpoint set state = 'needs replay' where projection = 'role_periods'")
    with snapshot(database) as read:
        assert stored_periods(read).why_not is not None
        for hour, before in enumerate(answered):
            for now, then in zip(_answers(read, hour), before, strict=True):
                assert now == then
    found: list[Drift] = []
    assert rebuild(database, role_periods, each=found.append, catalogue=CATALOGUE, by="ada") is not None
    assert found == []


def _answers(connection: psycopg.Connection[Any], hour: int) -> list[Any]:
    moment, earlier = AsOf(at(hour)), AsOf(at(hour / 2))
    return [
        question
        for role in ROLES
        for question in (
            holders_then(connection, role, moment, CATALOGUE),
            role_history(connection, role, moment, CATALOGUE).steps,
            role_difference(connection, role, earlier, moment, CATALOGUE),
            role_difference(connection, role, earlier, moment, CATALOGUE, newest=2),
            _in_pages(connection, role, moment),
        )
    ]


def _in_pages(connection: psycopg.Connection[Any], role: str, moment: AsOf) -> list[Holder]:
    """All of them, by id; each page says how many there are."""
    every = sorted(holders_then(connection, role, moment, CATALOGUE), key=lambda each: each.user_id)
    found: list[Holder] = []
    more = True
    while more:
        after = found[-1].user_id if found else ""
        page = page_of_holders_then(connection, role, moment, CATALOGUE, after=after, limit=3)
        assert page.total == len(every)
        assert len(page.found) == 3 or not page.has_more
        found += page.found
        more = page.has_more
    assert found == every
    return found


def _stored(connection: psycopg.Connection[Any], user_id: str) -> list[tuple[Any, ...]]:
    found = connection.execute(
        f"select {', '.join(ROLE_PERIODS.column_names)} from {ROLE_PERIODS.name} where user_id = %s", (user_id,)
    )
    return sorted(found.fetchall())


def _expected(rows: Sequence[Row], play: Play) -> list[tuple[Any, ...]]:
    lines: list[Mapping[str, Any]] = [
        {
            **row._asdict(),
            "id": play.positions[row.event_id],
            "timestamp": datetime.fromisoformat(row.timestamp),
            "metadata": json.loads(row.metadata or "{}"),
        }
        for row in rows
    ]
    counted = [dict(line) for line in lines if line["id"] not in play.left_out]
    return sorted(each for role in ROLES for each in slow_periods(counted, role))


def answers(ledger: LedgerScenario, hours: float) -> list[str]:
    with snapshot(ledger.database) as connection:
        return [each.user_id for each in holders_then(connection, "Oracle", AsOf(at(hours)), CATALOGUE)]


def why_not(ledger: LedgerScenario) -> str | None:
    with snapshot(ledger.database) as connection:
        return stored_periods(connection).why_not


def test_who_has_events_that_are_not_folded_yet_is_folded_alone(ledger: LedgerScenario) -> None:
    ledger.given(role_added("ada", "Oracle", at(1)), role_added("bob", "Oracle", at(2)))
    ledger.catch_up()
    ledger.when(left("ada", at(3)))
    with snapshot(ledger.database) as connection:
        assert stored_periods(connection).others == {"ada"}
    assert answers(ledger, 2) == ["ada", "bob"]
    assert answers(ledger, 3) == ["bob"]


def test_far_behind_everybody_is_folded(ledger: LedgerScenario) -> None:
    ledger.given(*(joined(f"member {number}") for number in range(MOST_BEHIND)))
    assert why_not(ledger) is None
    ledger.when(role_added("ada", "Oracle", at(1)))
    assert why_not(ledger) == "more than 5,000 events are not folded yet"
    assert answers(ledger, 1) == ["ada"]


def test_a_member_whom_only_the_other_projection_parks_is_answered_as_it_says(ledger: LedgerScenario) -> None:
    ledger.given(role_added("ada", "Oracle", at(1)))
    with ledger.database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, source) values "
            "(gen_random_uuid(), %s, 'patreon_membership', 'ada', 'started', repeat('x', 51), 'elsewhere')",
            (at(2),),
        )
    ledger.when(role_removed("ada", "Oracle", at(3)))
    ledger.catch_up()
    assert answers(ledger, 4) == ["ada"], "as the table of roles has it: ada is parked before the removal"


def test_the_periods_are_as_of_then_although_they_were_granted_again_later(ledger: LedgerScenario) -> None:
    ledger.given(role_added("ada", "Oracle", at(1), by="eve"), role_added("ada", "Oracle", at(5), by="mod"))
    ledger.catch_up()
    with snapshot(ledger.database) as connection:
        (then,) = holders_then(connection, "Oracle", AsOf(at(2)), CATALOGUE)
        (later,) = holders_then(connection, "Oracle", AsOf(at(6)), CATALOGUE)
    assert (then.held.granted_at, then.held.granted_by) == (at(1), "eve")
    assert (later.held.granted_at, later.held.granted_by) == (at(5), "mod")


@pytest.mark.parametrize("most", [1, 2, 100])
def test_a_page_has_the_newest_of_all_however_many_are_counted(
    ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    for number in range(8):
        ledger.given(role_added(f"m{number}", "Oracle", at(number)))
        ledger.given(role_added(f"n{number}", "Oracle", at(20 + number)))
    for number in (5, 6, 7):
        ledger.given(role_removed(f"m{number}", "Oracle", at(12)), role_added(f"m{number}", "Oracle", at(22)))
    for number in (0, 1, 2, 3):
        ledger.given(role_removed(f"m{number}", "Oracle", at(13)))
    ledger.given(role_added("n4", "Oracle", at(40)))
    # granted anew after every moment that is asked for: what was granted is not what the rows say
    for name, hours in (("m4", 41), ("n0", 42), ("n1", 43), ("n2", 44)):
        ledger.given(role_added(name, "Oracle", at(hours)))
    # and granted anew before: the latest of all who gained it by then
    ledger.given(role_added("n6", "Oracle", at(29)), role_added("n5", "Oracle", at(28)))
    ledger.catch_up()
    moments = [AsOf(at(hours)) for hours in (5, 10, 14, 21, 25, 30)]
    with snapshot(ledger.database) as connection:
        whole = {
            (first, second): role_difference(connection, "Oracle", first, second, CATALOGUE)
            for first, second in combinations(moments, 2)
        }
    for module, name in (
        ("role_periods", "MOST_CHANGED"),
        ("role_difference", "MOST_CHANGED"),
        ("role", "MOST_COUNTED"),
    ):
        monkeypatch.setattr(f"temple_ledger.infrastructure.queries.{module}.{name}", most)
    monkeypatch.setattr("temple_ledger.infrastructure.queries.role_periods.MOST_COUNTED", most)
    with snapshot(ledger.database) as connection:
        assert stored_periods(connection).why_not is None
        for (first, second), every in whole.items():
            some = role_difference(connection, "Oracle", first, second, CATALOGUE, newest=1)
            assert (some.gained, some.lost) == (every.gained[-1:], every.lost[-1:])
            assert some.total_gained == min(len(every.gained), most + 1)
            assert some.total_lost == min(len(every.lost), most + 1)
        page = page_of_holders_then(connection, "Oracle", AsOf(at(10)), CATALOGUE, limit=3)
        assert (page.total, page.has_more) == (min(8, most + 1), True)
    assert page.total_words == {1: "more than 1 member", 2: "more than 2 members", 100: "8 members"}[most]


def test_the_history_of_a_role_shows_what_is_retracted(ledger: LedgerScenario) -> None:
    first, second, third = ledger.given(
        role_added("ada", "Oracle", at(1), by="eve"),
        role_removed("ada", "Oracle", at(2)),
        role_added("bob", "Oracle", at(3)),
    )
    ledger.catch_up()
    chosen = Selection(positions=PositionSet.of([second, third]))
    retract(ledger.database, chosen, ledger.projections, CATALOGUE, reason="a mistake", by="ada")
    with snapshot(ledger.database) as connection:
        found = role_history(connection, "Oracle", AsOf(), CATALOGUE).steps
    assert [(each.event.position, each.change) for each in found] == [
        (first, RoleStep.GRANTED),
        (second, RoleStep.RETRACTED),
        (third, RoleStep.RETRACTED),
    ]


def test_until_a_replay_has_filled_it_beside_a_ledger_in_use_it_needs_one(ledger: LedgerScenario) -> None:
    ledger.given(role_added("ada", "Oracle", at(1)))
    ledger.catch_up()
    altered(ledger.database, "delete from role_periods")
    altered(ledger.database, "delete from projection_frontier where projection = 'role_periods'")
    altered(ledger.database, "delete from projection_checkpoint where projection = 'role_periods'")
    assert why_not(ledger) == "role_periods has no table yet; run: temple db migrate"
    assert bring_up_to_date(ledger.database).unfilled == ("role_periods",)
    assert why_not(ledger) == "role_periods needs a replay; run: temple replay role_periods --apply"
    assert answers(ledger, 1) == ["ada"]
    assert rebuild(ledger.database, role_periods, catalogue=CATALOGUE, by="ada") is not None
    assert why_not(ledger) is None
    assert answers(ledger, 1) == ["ada"]


def test_a_new_ledger_fills_it_without_a_replay(ledger: LedgerScenario) -> None:
    unfoldable(ledger.database, "cleo", at(0))
    ledger.given(role_added("ada", "Oracle", at(1)))
    assert why_not(ledger) is None
    ledger.catch_up()
    assert answers(ledger, 1) == ["ada"]
