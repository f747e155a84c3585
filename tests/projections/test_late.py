"""A member who is folded again because of late events is what two folds of the log make of them."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import Event
from temple_ledger.domain.events import RoleAdded
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.late import before_and_after
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import members
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.testing.given_log import GivenLog
from temple_ledger.projections.testing.histories import at, joined, left, role_added, role_removed
from temple_ledger.projections.values import ColumnType
from tests.runner.poisoned import POISON, poisoned

HOURS = st.integers(0, 5)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    HOURS.map(lambda hours: joined("ada", at(hours))),
    HOURS.map(lambda hours: left("ada", at(hours))),
    st.builds(lambda role, hours: role_added("ada", role, at(hours)), st.sampled_from(["Oracle", POISON]), HOURS),
    st.builds(lambda role, hours: role_removed("ada", role, at(hours)), st.sampled_from(["Oracle", POISON]), HOURS),
)

PROJECTIONS: Sequence[MemberProjection[Any]] = (members, poisoned)


@given(events=st.lists(EVENTS, min_size=1, max_size=9), first=st.integers(1, 9), untimed=st.booleans())
def test_both_are_the_fold_of_the_whole_log_up_to_there(events: Sequence[Event], first: int, untimed: bool) -> None:
    log = GivenLog(CATALOGUE)
    log.given(events)
    known: list[Recorded] = log.recorded
    if untimed:
        known = [known[0]._replace(occurred_at=None), *known[1:]]
    for projection in PROJECTIONS:
        fold = Fold(projection, CATALOGUE)
        every = [recorded for recorded in known if fold.knows(recorded)]
        older = [recorded for recorded in every if recorded.position < first]
        wanted = (fold.whole_of_known(older), fold.whole_of_known(every))
        assert before_and_after(fold, every, Position(first)) == wanted


NARROW = MemberProjection(
    "narrow",
    version=1,
    tables=(Table("narrow", columns=(Column("role", ColumnType.TEXT, length=6),), key=()),),
    initial=str,
    rows=lambda role: {"narrow": [(role,)]},
    state=lambda rows: rows["narrow"][0][0],
)


@NARROW.on
def _(_: str, event: RoleAdded) -> str:
    return event.role


def test_rows_that_cannot_be_stored_park_the_member_as_ever() -> None:
    log, fold = GivenLog(CATALOGUE), Fold(NARROW, CATALOGUE)
    log.given([role_added("ada", "Seeker", at(1)), role_added("ada", "Seeker of all", at(2))])
    before, after = before_and_after(fold, log.recorded, Position(2))
    assert (before.parked_at, after.parked_at, after.rows) == (None, 2, before.rows)
