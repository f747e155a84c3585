"""The brake of a rebuild, over the whole run: most members that met an event cannot be folded for one reason."""

from collections import defaultdict
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
    parked_for: dict[tuple[EventName, Reason], set[str]] = defaultdict(set)
    for user_id, error, frames, event_type, action in found:
        # of a tally one member may have many
        parked_for[(event_type, action), reason_of(error, frames)].add(user_id)
    for (event, reason), parked in parked_for.items():
        if len(parked) > FEW and too_many(len(parked), met := _members_met(connection, event, upto)):
            raise Refused(f"nothing is put in place: {sentence(key.name, len(parked), met, event, reason)}")


def _members_met(connection: psycopg.Connection[Any], event: EventName, upto: Position) -> int:
    values = {"event_type": event[0], "action": event[1], "upto": upto}
    row = connection.execute(statement("members_met"), values).fetchone()
    return 0 if row is None else int(row[0])
