"""The events behind a drift: those that gave the value, by the fold of the log."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_log.fold_members import before_parked, histories
from temple_ledger.infrastructure.read_models.runner.transaction import Connection
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.explain import ExplainedStep, steps
from temple_ledger.projections.fold import Fold, in_fold_order
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tables import Rows
from temple_ledger.projections.tally import Tally

MOST_EVENTS: Final = 5
"""The last so many that changed the value."""

MEMBERS_AT_A_TIME: Final = 200


def events_behind(
    connection: Connection,
    projection: Projection,
    drifts: Sequence[Drift],
    upto: Position,
    *,
    catalogue: Catalogue,
) -> list[Sequence[Recorded]]:
    """For each drift the events, in the order of the fold, that made the value what the log says.

    None where no event of the log is about it: a row that somebody made up. None of a tally either, whose counts
    are of many events.
    """
    if isinstance(projection, Tally):
        return [() for _ in drifts]
    fold: Fold[Any] = Fold(projection, catalogue)
    parked = read_exceptions(connection, projection.key).parked
    of_member: dict[str, list[int]] = defaultdict(list)
    for number, drift in enumerate(drifts):
        if drift.user_id is not None:
            of_member[drift.user_id].append(number)
    found: dict[int, Sequence[Recorded]] = {}
    for page in in_pages(of_member, MEMBERS_AT_A_TIME):
        for user_id, events in histories(connection, fold, page, upto):
            if events is None:
                # too many to be held in memory: the difference stands without them
                continue
            folded = before_parked(events, parked.get(user_id))
            explained = list(steps(fold, in_fold_order(folded) or ()))
            for number in of_member[user_id]:
                found[number] = _changing(projection, drifts[number], explained)
    return [found.get(number, ()) for number in range(len(drifts))]


def _changing(
    projection: MemberProjection[Any], drift: Drift, explained: Sequence[ExplainedStep]
) -> Sequence[Recorded]:
    values = [None, *(_value(projection, drift, step.rows) for step in explained)]
    changed = [step.event for step, (was, now) in zip(explained, pairwise(values), strict=True) if was != now]
    return changed[-MOST_EVENTS:]


def _value(projection: MemberProjection[Any], drift: Drift, rows: Rows) -> Any:
    """What the drift is about: the column, or the whole row; None where there is no such row."""
    table = next(each for each in projection.tables if each.name == drift.table)
    wanted = tuple(drift.key.values())
    row = next((row for row in rows.get(table.name, ()) if table.key_of(row) == wanted), None)
    if row is None or drift.column is None:
        return row
    return (row[table.column_names.index(drift.column)],)
