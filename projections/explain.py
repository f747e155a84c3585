"""Why a member's rows are as they are: the event that gave each value."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

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
    """For each value of each row that the member has in the end: the event that made it so, oldest first."""
    since: dict[tuple[str, Row, str], tuple[Any, Recorded]] = {}
    for effect in steps(fold, events):
        now: dict[tuple[str, Row, str], tuple[Any, Recorded]] = {}
        for table in fold.projection.tables:
            for row in effect.rows.get(table.name, ()):
                key = table.key_of(row)
                for column, value in zip(table.column_names, row, strict=True):
                    place = (table.name, key, column)
                    before = since.get(place)
                    now[place] = before if before is not None and before[0] == value else (value, effect.event)
        since = now
    keys = {table.name: table.key for table in fold.projection.tables}
    return [
        Cause(table, dict(zip(keys[table], key, strict=True)), column, value, event)
        for (table, key, column), (value, event) in since.items()
        if column not in keys[table]
    ]
