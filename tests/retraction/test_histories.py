"""With retraction, the rows are the fold of the log without these events: live, rebuilt, verified, and in SQL."""

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.member import members_then, stored_members
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, reinstate, retract
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.read_models.trigger_mode import enable
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import processor_of
from tests.canon.drawn import EVENTS, Row, example, insert
from tests.canon.folds import Connection, by_python, by_sql, drift, slowly, stored
from tests.thorough import examples

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A smaller example takes minutes to find, since each one is played on a database."""
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "append", "fold", "fold", "restart", "retract", "retract", "reinstate"]),
        st.integers(0, 40),
        st.integers(1, 6),
    ),
    min_size=3,
    max_size=20,
)


class Play:
    """One history, appended and folded in pieces, with retractions in between."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.positions: list[Position] = []
        self.left_out = PositionSet()

    def append(self, connection: Connection, rows: list[Row], number: int) -> list[Row]:
        """What is left of *rows*."""
        if rows[:number]:
            self.positions += insert(connection, rows[:number])
        return rows[number:]

    def retraction(self, step: str, start: int, length: int) -> None:
        chosen = PositionSet.of(self.positions[start % max(1, len(self.positions)) :][:length])
        if step == "retract":
            retract(self.database, Selection(positions=chosen), BUILT_IN, CATALOGUE, reason="drawn", by="test")
            self.left_out |= chosen
        else:
            reinstate(self.database, Selection(positions=chosen), BUILT_IN, CATALOGUE, by="ada")
            self.left_out -= chosen


def agrees(database: Database, read: Connection, user_ids: Sequence[str], play: Play) -> None:
    """All that was appended is folded."""
    there = stored(read, user_ids)
    assert there == by_python(read, user_ids, skipped=play.left_out)
    assert by_sql(read, user_ids)[:2] == there[:2]
    assert slowly(read, user_ids, there.parked, skipped=play.left_out) == there[:2]
    healthy = [user_id for user_id in user_ids if user_id not in there.parked]
    asked = {
        each.user_id: each.member
        for each in members_then(read, healthy, AsOf(), catalogue=CATALOGUE)
        if each.member is not None
    }
    assert asked == stored_members(read, healthy)


def nothing_differs(database: Database, read: Connection) -> None:
    assert drift(read) == []
    for projection in BUILT_IN:
        assert verify(database, projection, catalogue=CATALOGUE).ok
        found: list[Drift] = []
        assert rebuild(database, projection, each=found.append, catalogue=CATALOGUE, by="ada") is not None
        assert found == []


def test_rows_are_the_fold_without_what_is_retracted(database: Database) -> None:
    with (
        database.connect(DatabaseRole.APPEND) as append,
        database.connect(DatabaseRole.READ) as read,
        database.connect(DatabaseRole.PROJECT) as project,
    ):

        @settings(
            max_examples=examples(15), deadline=None, phases=UNSHRUNK, suppress_health_check=[HealthCheck.too_slow]
        )
        @given(EVENTS, STEPS)
        def holds(drawn: list[Any], steps: list[tuple[str, int, int]]) -> None:
            history = example(drawn)
            play, waiting = Play(database), list(history.rows)
            opener = transactions(project)
            processors = [processor_of(each, opener, catalogue=CATALOGUE) for each in BUILT_IN]
            for step, start, length in [*steps, ("append", 0, len(waiting)), ("fold", 0, 1_000)]:
                match step:
                    case "append":
                        waiting = play.append(append, waiting, length)
                    case "restart":
                        processors = [
                            processor_of(each, transactions(project), catalogue=CATALOGUE) for each in BUILT_IN
                        ]
                    case "fold":
                        for processor in processors:
                            while processor.step(upto=settled_head(project), limit=length).idle is None:
                                if length < 6:
                                    break
                    case _:
                        play.retraction(step, start, length)
            agrees(database, read, history.user_ids, play)

        holds()
        nothing_differs(database, read)
        assert read.execute("select from retracted_range").rowcount, "nothing was retracted"


def test_in_trigger_mode_too(database: Database) -> None:
    enable(database, catalogue=CATALOGUE, by="ada")
    with database.connect(DatabaseRole.APPEND) as append, database.connect(DatabaseRole.READ) as read:

        @settings(
            max_examples=examples(12), deadline=None, phases=UNSHRUNK, suppress_health_check=[HealthCheck.too_slow]
        )
        @given(EVENTS, STEPS)
        def holds(drawn: list[Any], steps: list[tuple[str, int, int]]) -> None:
            history = example(drawn)
            play, waiting = Play(database), list(history.rows)
            for step, start, length in [*steps, ("append", 0, len(waiting))]:
                if step in ("retract", "reinstate"):
                    play.retraction(step, start, length)
                else:
                    waiting = play.append(append, waiting, length)
                agrees(database, read, history.user_ids, play)

        holds()
        assert drift(read) == []
        assert read.execute("select from retracted_range").rowcount, "nothing was retracted"
    assert verify(database, members, catalogue=CATALOGUE).ok
