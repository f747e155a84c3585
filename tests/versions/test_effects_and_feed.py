"""Only the version that readers see raises effects and feeds consumers: none twice and none lost, also back again."""

from collections.abc import Callable
from typing import Any

import pytest

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.event import Event
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.ledger.ledger import Ledger
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.versions.switch import switch
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.change import Beginning, Change, Complete, Reset
from temple_ledger.projections.effect import Message
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.row import Row, projection
from temple_ledger.projections.testing.histories import at
from tests.effects.builders import sent


class Scored(Event, type="test/scored"):
    points: int = 1


class First(Row, table="example_score"):
    points: int = 0


class Second(Row, table="example_score"):
    points: int = 0
    times: int = 0


def _declared(version: int, state: type[Any], step: Callable[[Any], Any]) -> MemberProjection[Any]:
    made = projection("score", version=version, state=state)
    made.on(Scored)(lambda row, event: step(row.replace(points=row.points + event.points)))

    @made.effect(max_age=None)
    def every_change(change: Change[Any]) -> Message:
        return Message("log", {"version": version, "points": change.after.points})

    return made


first = _declared(1, First, lambda row: row)
second = _declared(2, Second, lambda row: row.replace(times=row.times + 1))


@pytest.fixture
def scored(database: Database) -> LedgerScenario:
    LedgerScenario(database, projections=[first])
    bring_up_to_date(database, [first, second])
    return LedgerScenario(database, projections=[first, second], migrated=True)


def begin(scored: LedgerScenario) -> None:
    """Both are filled."""
    LedgerScenario(scored.database, projections=[first], migrated=True).catch_up()
    rebuild(scored.database, second, catalogue=scored.catalogue, by="ada")


def add(scored: LedgerScenario, *hours: float) -> None:
    scored.given(*(Scored(user_id="ada", occurred_at=at(hour), source="test") for hour in hours))


def versions_that_raised(database: Database) -> list[tuple[Position, int]]:
    return [(Position(position), data["version"]) for position, data in sent(database)]


def test_across_a_switch_and_back_each_event_raises_its_effect_once(scored: LedgerScenario) -> None:
    database = scored.database
    add(scored, 1, 2)
    begin(scored)
    switch(database, "score", 2, by="ada")
    add(scored, 3, 4)
    scored.catch_up()
    switch(database, "score", 1, by="ada")
    add(scored, 5)
    # a late one, which each version folds again
    add(scored, 0)
    scored.catch_up()
    assert versions_that_raised(database) == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 1), (6, 1)]


def test_back_to_one_that_stands_behind_raises_nothing_a_second_time(scored: LedgerScenario) -> None:
    database = scored.database
    add(scored, 1)
    begin(scored)
    switch(database, "score", 2, by="ada")
    add(scored, 2, 3)
    alone = LedgerScenario(database, projections=[second], migrated=True)
    alone.catch_up()
    switch(database, "score", 1, by="ada", reason="version 2 is wrong", behind=True)
    add(scored, 4)
    scored.catch_up()
    assert versions_that_raised(database) == [(1, 1), (2, 2), (3, 2), (4, 1)]


def test_a_consumer_of_both_versions_goes_over_with_each_switch(scored: LedgerScenario) -> None:
    database = scored.database
    add(scored, 1)
    begin(scored)
    with Ledger(database.dsn, projections=[first, second], catalogue=scored.catalogue) as ledger:
        with ledger.changes("score", consumer="board", follow=False) as feed:
            assert [type(item) for item in feed] == [Beginning, Reset, Complete]
        with ledger.changes("score", consumer="board", follow=True) as following:
            add(scored, 2)
            scored.catch_up()
            assert next(following).after == First(2)  # type: ignore[union-attr]
            switch(database, "score", 2, by="ada")
            add(scored, 3)
            scored.catch_up()
            begun, reset, complete = next(following), next(following), next(following)
            assert isinstance(begun, Beginning)
            assert begun.reason == "version 2 has taken over from version 1"
            assert isinstance(reset, Reset)
            assert reset.after == Second(3, 3)
            assert isinstance(complete, Complete)
            switch(database, "score", 1, by="ada")
            add(scored, 4)
            scored.catch_up()
            back = [next(following) for _ in range(3)]
            assert [type(item) for item in back] == [Beginning, Reset, Complete]
            assert back[1].after == First(4)  # type: ignore[union-attr]
            add(scored, 5)
            scored.catch_up()
            change = next(following)
            assert isinstance(change, Change)
            assert (change.position, change.before, change.after) == (5, First(4), First(5))


def test_a_program_with_one_version_is_refused_after_the_switch(scored: LedgerScenario) -> None:
    add(scored, 1)
    begin(scored)
    with (
        Ledger(scored.database.dsn, projections=[first], catalogue=scored.catalogue) as ledger,
        ledger.changes("score", consumer="board", follow=True) as following,
    ):
        assert [type(next(following)) for _ in range(3)] == [Beginning, Reset, Complete]
        switch(scored.database, "score", 2, by="ada")
        with pytest.raises(Refused, match="readers see version 2 of score, and this process has version 1"):
            next(following)
