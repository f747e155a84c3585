"""How far the log is settled: every smaller position decided, for a command that reads once."""

import time
from typing import Any, Final

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import GapReader

LOOK_AGAIN_SECONDS: Final = 0.05


def settled_head(
    connection: psycopg.Connection[Any], *, after: Position = Position(0), patience_seconds: float = 60.0
) -> Position:
    """The head of the log as it is now, once nothing below it is undecided.

    Raises Refused when an open transaction keeps it undecided for longer than *patience_seconds*.
    """
    row = connection.execute(statement("log_head")).fetchone()
    head = Position(row[0] if row else 0)
    reader = GapReader(connection)
    deadline = time.monotonic() + patience_seconds
    settled = after
    while settled < head:
        look = reader.look(settled)
        if look.settled == settled and look.blocked_by:
            if time.monotonic() > deadline:
                raise Refused(
                    f"the log is undecided after position {settled}: {look.blocked_by[0]} has an open transaction; "
                    "end it and try again"
                )
            time.sleep(LOOK_AGAIN_SECONDS)
        elif look.settled == settled:
            break
        settled = look.settled
    return min(settled, head) if settled < head else head
