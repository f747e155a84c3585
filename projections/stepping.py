"""A member stepped through its events one by one, for whoever uses the change that each of them makes.

The change at position p is the difference between rows(member, p - 1) and rows(member, p), also where the event is
late. So it depends on the log alone, not on batches, restarts or crashes. Changes are worked out only where somebody
uses them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Final, Generic, NamedTuple, Protocol

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.difference import row_difference
from temple_ledger.projections.fold import Fold, Folded, Frontier, in_fold_order
from temple_ledger.projections.member_projection import State
from temple_ledger.projections.tables import Rows

NO_CHANGES: Final[frozenset[Position]] = frozenset()
MOST_STEPS: Final = 500_000
"""Rules applied for one member's changes, at most: a late event moves every later one."""


class Stepped(NamedTuple, Generic[State]):
    """One event, and the member before and after it, as states and as rows."""

    recorded: Recorded
    before: State | None
    after: State
    rows_before: Rows
    rows_after: Rows


class Follower(Protocol):
    """Who uses the changes of a projection."""

    def wanted(self, user_id: str, events: Sequence[Recorded]) -> frozenset[Position]:
        """Those of these events whose changes are wanted."""

    def use(self, stepped: Iterable[Stepped[Any]], missed: Iterable[Position]) -> None:
        """Changes of one member, by position; *missed* are wanted ones that would take too long."""


class MemberSteps(Generic[State]):
    """A member who is stepped through its events in the order of their positions.

    With *history*, which is all of what is in *state*, late events are put in their place, and what comes after them is
    folded again; without it there may be none.
    """

    def __init__(
        self,
        fold: Fold[State],
        state: State | None,
        history: Sequence[Recorded] | None = None,
        rows: Rows | None = None,
    ) -> None:
        """*history* is ordered by (timestamp, position); *rows* are those of *state*, where they are known."""
        self._rows = rows
        self._fold = fold
        self._start = state if history is None else None
        self._places: list[Any] = []
        self._events: list[Recorded] = []
        self._states: list[State] = []
        self.steps = 0
        for recorded in history or ():
            self.step(recorded)
        self.steps = 0

    @property
    def state(self) -> State | None:
        return self._states[-1] if self._states else self._start

    @property
    def rows(self) -> Rows:
        """Those of the state. Raises what an author's code raises."""
        if self._rows is None:
            self._rows = self._fold.projection.rows(self.state)
        return self._rows

    def step(self, recorded: Recorded) -> State:
        """The state after it. Raises Unfoldable."""
        place = _PLACE(recorded)
        if self._places and place < self._places[-1]:
            self._put(bisect_right(self._places, place), place, recorded)
            return self._states[-1]
        # nearly always
        self._rows = None
        state = self._fold.apply(self.state, recorded)
        self._places.append(place)
        self._events.append(recorded)
        self._states.append(state)
        self.steps += 1
        return state

    def _put(self, number: int, place: Any, recorded: Recorded) -> None:
        self._rows = None
        self._events.insert(number, recorded)
        self._places.insert(number, place)
        state = self._states[number - 1] if number else self._start
        del self._states[number:]
        for each in self._events[number:]:
            state = self._fold.apply(state, each)
            self._states.append(state)
            self.steps += 1


def extend_stepping(
    fold: Fold[State],
    state: State | None,
    frontier: Frontier | None,
    rows: Rows,
    events: Sequence[Recorded],
    wanted: frozenset[Position],
) -> tuple[Folded[State] | None, Sequence[Stepped[State]]]:
    """What `Fold.extend` does, with the changes on the way; None where that takes the whole history.

    *rows* are those of *state*.
    """
    ordered = in_fold_order(events)
    if ordered is None or (frontier is not None and _PLACE(ordered[0]) <= frontier):
        return None, ()
    steps = MemberSteps(fold, state, rows=rows)
    try:
        found = list(changes_of(fold, steps, sorted(events, key=_position), wanted))
        done = Folded(steps.state, Frontier(*_PLACE(ordered[-1])), steps.rows)
    except (Exception, SystemExit):  # noqa: BLE001 - an author's code: whatever it raises is decided by position
        return None, ()
    stepped = [each for each in found if isinstance(each, Stepped)]
    return (done, stepped) if len(stepped) == len(found) else (None, ())


def follow_history(
    fold: Fold[State],
    every: Sequence[Recorded],
    parked_at: Position | None,
    wanted: frozenset[Position],
    follower: Follower,
) -> None:
    """Gives *follower* the wanted changes of a member whose whole history is *every*, up to where it was parked."""
    wanted = frozenset(position for position in wanted if parked_at is None or position < parked_at)
    if not wanted:
        return
    first = min(wanted)
    folded = [each for each in every if parked_at is None or each.position < parked_at]
    history = in_fold_order([each for each in folded if each.position < first])
    newer = sorted((each for each in folded if each.position >= first), key=_position)
    if history is None:
        return
    steps = MemberSteps(fold, None, history)
    found = list(changes_of(fold, steps, newer, wanted))
    stepped = [each for each in found if isinstance(each, Stepped)]
    follower.use(stepped, [each for each in found if not isinstance(each, Stepped)])


def changes_of(
    fold: Fold[State], steps: MemberSteps[State], events: Iterable[Recorded], wanted: frozenset[Position]
) -> Iterator[Stepped[State] | Position]:
    """The changes at the wanted positions, stepping through *events* by position; a position instead of one that would
    take too long. Raises Unfoldable, and what an author's rows raise.

    A wanted event that leaves the rows as they are changes nothing.
    """
    for recorded in events:
        if steps.steps > MOST_STEPS:
            if recorded.position in wanted:
                yield recorded.position
            continue
        if recorded.position not in wanted:
            steps.step(recorded)
            continue
        before, rows_before = steps.state, steps.rows
        after = steps.step(recorded)
        if differ(fold, rows_before, steps.rows):
            yield Stepped(recorded, before, after, rows_before, steps.rows)


def differ(fold: Fold[Any], before: Rows, after: Rows) -> bool:
    """Asked of each event that somebody follows, so no further than to the first table that is different.

    Tables of one row a member come first: they are compared quickest, and nearly every event changes such a row.
    """
    for one_row in (True, False):
        for table in fold.projection.tables:
            if one_row is not bool(table.key) and any(
                row_difference(table, before.get(table.name, ()), after.get(table.name, ()))
            ):
                return True
    return False


_PLACE: Final = itemgetter(Recorded._fields.index("occurred_at"), Recorded._fields.index("position"))
_position: Final = itemgetter(Recorded._fields.index("position"))
