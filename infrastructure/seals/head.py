"""The end of the chain, as it leaves the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Head:
    """Whoever has it can prove later that the log up to `position` is what it was then. `hash` is in hex."""

    seal: int
    position: Position
    hash: str
    sealed_at: datetime


def read_head(connection: Connection) -> Head | None:
    """None where nothing is sealed."""
    row = connection.execute(statement("seal_head")).fetchone()
    if row is None:
        return None
    number, hash_, sealed_at, position = row
    return Head(number, Position(position or 0), bytes(hash_).hex(), sealed_at)
