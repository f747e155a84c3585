"""Why a member's rows are as they are: the event that gave each value."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.fold import Fold, Unfoldable
from temple_ledger.projections.member_projection import State
from temple_ledger.projections.tables import Row, Rows


class Cause(NamedTuple):
    """`column` of the row with this key has `value` since `event`."""

    table: str
    key: dict[str, Any]
    column: str
    value: Any
    event: Recorded


class ExplainedStep(NamedTuple):
    """An event, and the rows of the member right after it; `error` where it could not be folded."""

    event: Recorded
    known: bool
    rows: Rows
    error: str | None = None


def steps(fold: Fold[State], events: Iterable[Recorded]) -> Iterator[ExplainedStep]:
    """One after the other, ordered by (timestamp, position). Stops at an event that cannot be folded."""
    state: State | None = None
    for event in events:
        if fold.knows(event):
            try:
                state = fold.apply(state, event)
            except Unfoldable as unfoldable:
                yield ExplainedStep(event, True, fold.projection.rows(state), unfoldable.reason)
                return
        yield ExplainedStep(event, fold.knows(event), fold.projection.rows(state))


def causes(fold: Fold[State], events: Iterable[Recorded]) -> list[Cause]:
    """For each value of each row that the member has in the end: the event that made it so.

    By table, the row that is oldest first, by column: in one order, however often it is asked.
    """
    since: dict[tuple[str, Row, str], tuple[Any, Recorded]] = {}
    order: dict[Position, int] = {}
    for effect in steps(fold, events):
        order[effect.event.position] = len(order)
        now: dict[tuple[str, Row, str], tuple[Any, Recorded]] = {}
        for table in fold.projection.tables:
            for row in effect.rows.get(table.name, ()):
                key = table.key_of(row)
                for column, value in zip(table.column_names, row, strict=True):
                    place = (table.name, key, column)
                    before = since.get(place)
                    now[place] = before if before is not None and before[0] == value else (value, effect.event)
        since = now
    oldest: dict[tuple[str, Row], int] = {}
    for (name, key, _), (_, event) in since.items():
        when = order[event.position]
        oldest[name, key] = min(when, oldest.get((name, key), when))
    return [
        Cause(table.name, dict(zip(table.key, key, strict=True)), column, *since[table.name, key, column])
        for table in fold.projection.tables
        for _, key in sorted((when, key) for (name, key), when in oldest.items() if name == table.name)
        for column in table.column_names
        if column not in table.key
    ]
