"""Members who are parked at a switch: what they wait for raises its effects once, or is counted."""

from collections.abc import Collection

import pytest

from temple_ledger.domain.event import Event
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.read_models.member_log.fold_members import fold_long
from temple_ledger.infrastructure.read_models.operations import parked, retry, skip
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.runner.long_folds import finish_long
from temple_ledger.infrastructure.read_models.runner.raising import due_of, effects_of_long
from temple_ledger.infrastructure.read_models.versions.switch import switch
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.change import Change
from temple_ledger.projections.effect import Message
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.row import Row, projection
from temple_ledger.projections.testing.histories import at
from tests.effects.builders import sent


class Scored(Event, type="test/scored_while_parked"):
    points: int = 1


class Score(Row, table="example_parked_score"):
    points: int = 0


Scores = MemberProjection[Score]


def score(version: int, refuses: Collection[int] = (), *, effects: bool = True) -> Scores:
    """Refuses events of so many points; without any it is the same version, mended."""
    made = projection("parked_score", version=version, state=Score)

    @made.on
    def _(row: Score, event: Scored) -> Score:
        if event.points in refuses:
            raise ValueError("refused")
        return row.replace(points=row.points + event.points)

    if effects:

        @made.effect(max_age=None)
        def every_change(change: Change[Score]) -> Message:
            return Message("log", {"version": version})

    return made


class Versions:
    """Version 1 and, beside it, version 2; the event at a position has as many points."""

    def __init__(self, database: Database, first: Scores, second: Scores) -> None:
        self.database, self.first, self.second = database, first, second
        self.alone = LedgerScenario(database, projections=[first])

    def add(self, *points: int) -> None:
        self.alone.given(*(Scored(user_id="ada", occurred_at=at(each), source="test", points=each) for each in points))

    def begin(self) -> None:
        self.alone.catch_up()
        bring_up_to_date(self.database, [self.first, self.second])
        rebuild(self.database, self.second, catalogue=self.alone.catalogue, by="ada")
        self.both = LedgerScenario(self.database, projections=[self.first, self.second], migrated=True)

    def switch(self, to: int) -> None:
        self.both.catch_up()
        switch(self.database, "parked_score", to, by="ada")

    def retry(self, mended: Scores) -> None:
        with self.database.connect(DatabaseRole.READ) as connection:
            failures = [each for each in parked(connection, projection=mended.name) if each.version == mended.version]
        retry(self.database, mended, failures, by="ada", catalogue=self.alone.catalogue)

    def skip(self, position: int) -> None:
        with self.database.connect(DatabaseRole.READ) as connection:
            failure = next(
                each
                for each in parked(connection, projection="parked_score")
                if (each.version, each.position) == (2, position)
            )
        skip(
            self.database, self.second, failure,
            by="ada", reason="test", catalogue=self.alone.catalogue, others=[self.first],
        )  # fmt: skip

    def raised(self) -> list[tuple[int, int]]:
        """Position and version."""
        return [(position, data["version"]) for position, data in sorted(sent(self.database), key=lambda one: one[0])]

    def held(self) -> dict[tuple[int, str], int]:
        with self.database.connect(DatabaseRole.READ) as connection:
            found = connection.execute("select version, reason, events from effect_held_back").fetchall()
        return {(version, reason): events for version, reason, events in found}


def set_aside(database: Database) -> None:
    """As if the history were too long for a step."""
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("update projection_failure set kind = 'long' where version = 2")


@pytest.mark.parametrize(
    ("first", "second", "raised"),
    [
        pytest.param({2}, {2}, [(1, 1), (2, 2), (3, 2), (4, 2)], id="at one event"),
        pytest.param({2}, {3}, [(1, 1), (2, 2), (3, 2), (4, 2)], id="earlier in the old version"),
        pytest.param({3}, {2}, [(1, 1), (2, 1), (3, 2), (4, 2)], id="earlier in the new version"),
        pytest.param((), {2}, [(1, 1), (2, 1), (3, 1), (4, 2)], id="in the new version alone"),
    ],
)
def test_a_retry_after_a_switch_raises_what_the_old_version_did_not(
    database: Database, first: Collection[int], second: Collection[int], raised: list[tuple[int, int]]
) -> None:
    versions = Versions(database, score(1, first), score(2, second))
    versions.add(1, 2, 3)
    versions.begin()
    versions.switch(2)
    versions.add(4)
    versions.both.catch_up()
    versions.retry(score(1))
    versions.retry(score(2))
    assert versions.raised() == raised


def test_what_was_raised_before_the_switch_is_not_raised_after_it(database: Database) -> None:
    versions = Versions(database, score(1, {2}), score(2, {2}))
    versions.add(1, 2, 3)
    versions.begin()
    versions.retry(score(1))
    versions.switch(2)
    versions.retry(score(2))
    assert versions.raised() == [(1, 1), (2, 1), (3, 1)]


def test_a_skip_after_a_switch_raises_what_waited_behind(database: Database) -> None:
    versions = Versions(database, score(1, {2}), score(2, {2}))
    versions.add(1, 2, 3)
    versions.begin()
    versions.switch(2)
    versions.skip(2)
    assert versions.raised() == [(1, 1), (3, 2)]


def test_what_the_new_version_has_folded_already_is_counted_as_held_back(database: Database) -> None:
    versions = Versions(database, score(1, {2}), score(2))
    versions.add(1, 2, 3)
    versions.begin()
    versions.switch(2)
    versions.add(4)
    versions.both.catch_up()
    versions.retry(score(1))
    assert versions.raised() == [(1, 1), (4, 2)]
    assert versions.held()[2, "waiting at a switch"] == 2


def test_what_waits_across_a_switch_and_back_is_raised_by_who_has_the_names_then(database: Database) -> None:
    versions = Versions(database, score(1, {2}), score(2, {2}))
    versions.add(1, 2, 3)
    versions.begin()
    versions.switch(2)
    versions.add(4)
    versions.switch(1)
    versions.retry(score(2))
    assert versions.raised() == [(1, 1)]
    versions.retry(score(1))
    assert versions.raised() == [(1, 1), (2, 1), (3, 1), (4, 1)]


def test_what_was_raised_between_two_switches_is_not_raised_after_the_second(database: Database) -> None:
    versions = Versions(database, score(1, {2}), score(2, {2}))
    versions.add(1, 2, 3)
    versions.begin()
    versions.switch(2)
    versions.switch(1)
    versions.switch(2)
    versions.retry(score(2))
    versions.second = score(2)
    versions.both = LedgerScenario(database, projections=[versions.first, versions.second], migrated=True)
    versions.switch(1)
    versions.add(4)
    versions.both.catch_up()
    versions.retry(score(1))
    assert versions.raised() == [(1, 1), (2, 2), (3, 2), (4, 1)]


def test_a_member_who_is_parked_again_later_on_raises_nothing_a_second_time(database: Database) -> None:
    versions = Versions(database, score(1, {2}), score(2, {2}))
    versions.add(1, 2, 3, 4)
    versions.begin()
    versions.switch(2)
    versions.retry(score(2, {4}))
    assert versions.raised() == [(1, 1), (2, 2), (3, 2)]
    with database.connect(DatabaseRole.OWNER) as connection:
        # delivered, and deleted after a week: nothing but the failure remembers what was raised
        connection.execute("delete from effect_outbox")
    versions.retry(score(2))
    assert versions.raised() == [(4, 2)]


def test_events_before_the_start_of_the_old_effect_stay_without_one(database: Database) -> None:
    versions = Versions(database, score(1, {2}, effects=False), score(2, {2}))
    versions.add(1, 2, 3)
    versions.alone.catch_up()
    versions.first = score(1, {2})
    versions.begin()
    versions.add(4)
    versions.switch(2)
    versions.retry(score(2))
    assert versions.raised() == [(4, 2)]


def test_a_long_fold_that_is_done_after_a_switch_raises_what_waited(database: Database) -> None:
    versions = Versions(database, score(1, {2}), score(2, {2}))
    versions.add(1, 2, 3)
    versions.begin()
    set_aside(database)
    fold: Fold[Score] = Fold(score(2), versions.alone.catalogue)
    with database.connect(DatabaseRole.PROJECT) as connection:
        folded = fold_long(connection, fold, "ada", Position(3))
        before = due_of(connection, fold.projection, "ada", 2)
        versions.switch(2)
        what = (connection, fold, "ada", folded, Position(3), PositionSet())
        # begun before the switch, when nothing of it was due: it starts over
        assert not finish_long(*what, before)
        due = due_of(connection, fold.projection, "ada", 2)
        waited = effects_of_long(connection, fold, "ada", folded, due, Position(3), PositionSet(), lambda: None)
        assert finish_long(*what, due, waited)
    assert versions.raised() == [(1, 1), (2, 2), (3, 2)]
