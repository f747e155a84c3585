"""Who reads the changes of projections."""

from dataclasses import dataclass
from datetime import datetime

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.consistent_read import Connection


@dataclass(frozen=True)
class Consumer:
    """`waiting` changes and resets are stored behind its position."""

    projection: str
    version: int
    consumer: str
    position: int
    state: str
    moved_at: datetime
    waiting: int


def consumers(connection: Connection) -> list[Consumer]:
    return [Consumer(*row) for row in connection.execute(statement("read_feed_consumers"))]
