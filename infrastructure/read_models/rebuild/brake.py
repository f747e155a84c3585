"""The brake of a rebuild, over the whole run: most members that met an event cannot be folded for one reason."""

from collections import Counter
from typing import Any

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.brake import FEW, Reason, reason_of, sentence, too_many
from temple_ledger.projections.grouped import EventName
from temple_ledger.projections.key import ProjectionKey


def require_few_parked(connection: psycopg.Connection[Any], key: ProjectionKey, upto: Position) -> None:
    """Raises Refused; what was rebuilt stays, and nothing is put in place."""
    found = connection.execute(statement("rebuild_failures"), key.parameters).fetchall()
    counts: Counter[tuple[EventName, Reason]] = Counter()
    for _, error, frames, event_type, action in found:
        counts[(event_type, action), reason_of(error, frames)] += 1
    for (event, reason), parked in counts.most_common():
        if parked <= FEW:
            return
        met = _members_met(connection, event, upto)
        if too_many(parked, met):
            raise Refused(f"nothing is put in place: {sentence(key.name, parked, met, event, reason)}")


def _members_met(connection: psycopg.Connection[Any], event: EventName, upto: Position) -> int:
    values = {"event_type": event[0], "action": event[1], "upto": upto}
    row = connection.execute(statement("members_met"), values).fetchone()
    return 0 if row is None else int(row[0])
