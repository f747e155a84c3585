"""Since when effects are raised, and for which events they may be held back."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.effects import Special
from temple_ledger.projections.key import ProjectionKey


def effect_starts(connection: psycopg.Connection[Any], key: ProjectionKey) -> Mapping[str, Position]:
    found = connection.execute(statement("effect_starts"), key.parameters)
    return {name: Position(position) for name, position in found}


def special_events(
    connection: psycopg.Connection[Any],
    after: Position,
    upto: Position,
    older_than: timedelta,
    positions: Sequence[Position] | None,
) -> Mapping[Position, Special]:
    values = {
        "after": after,
        "upto": upto,
        "older_than": older_than,
        "positions": None if positions is None else list(positions),
    }
    found = connection.execute(statement("effect_special"), values)
    return {Position(position): Special(*rest) for position, *rest in found}
