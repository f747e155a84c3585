"""The positions and members that a projection does not fold in the ordinary way."""

from typing import Any

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.batch import Exceptions


def read_exceptions(connection: psycopg.Connection[Any], projection: str) -> Exceptions:
    parked: dict[str, Position] = {}
    skipped: set[Position] = set()
    parked_positions: set[Position] = set()
    for kind, user_id, position in connection.execute(statement("failure_exceptions"), {"projection": projection}):
        if kind == "skipped":
            skipped.add(Position(position))
        else:
            parked[user_id] = Position(position)
            parked_positions.add(Position(position))
    return Exceptions(parked, frozenset(skipped), frozenset(parked_positions))
