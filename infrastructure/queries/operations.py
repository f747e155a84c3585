"""The operations journal, read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from temple_ledger.domain.errors import UnknownName
from temple_ledger.infrastructure.database.statements import statement


class JournalEntry(NamedTuple):
    """`performed_by` is who says they did it, `login` the database's own word: None of what is older than its record.

    `details` depends on the kind; of a repair, it has the rows before and after.
    """

    id: int
    performed_at: datetime
    kind: str
    projection: str | None
    performed_by: str
    login: str | None
    reason: str | None
    details: dict[str, Any]


def operations(
    connection: psycopg.Connection[Any], *, projection: str | None = None, before: int | None = None, limit: int = 20
) -> Sequence[JournalEntry]:
    """The newest first; with *before*, those that came before this one."""
    wanted = {"projection": projection, "id": None, "before": before, "limit": limit}
    return [JournalEntry(*row) for row in connection.execute(statement("read_operations"), wanted)]


def operation(connection: psycopg.Connection[Any], number: int) -> JournalEntry:
    """Raises UnknownName."""
    wanted = {"projection": None, "id": number, "before": None, "limit": 1}
    row = connection.execute(statement("read_operations"), wanted).fetchone()
    if row is None:
        raise UnknownName("operation", str(number))
    return JournalEntry(*row)
