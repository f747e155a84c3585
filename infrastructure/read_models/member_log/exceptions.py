"""The positions and members that a projection does not fold in the ordinary way."""

from typing import Any

import psycopg

from temple_ledger.domain.position import NO_POSITIONS, Position, PositionSet
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.batch import Exceptions
from temple_ledger.projections.key import ProjectionKey


def read_exceptions(
    connection: psycopg.Connection[Any], key: ProjectionKey, *, retracted: PositionSet | None = None
) -> Exceptions:
    """With *retracted*, as if exactly these positions were retracted."""
    parked: dict[str, Position] = {}
    left_out: list[tuple[int, int]] = []
    parked_positions: set[Position] = set()
    found = connection.execute(statement("failure_exceptions"), key.parameters)
    for kind, user_id, first, last in found:
        if kind == "parked":
            parked[user_id] = Position(first)
            parked_positions.add(Position(first))
        elif kind == "skipped" or retracted is None:
            left_out.append((first, last))
    return Exceptions(parked, PositionSet(left_out) | (retracted or NO_POSITIONS), frozenset(parked_positions))
