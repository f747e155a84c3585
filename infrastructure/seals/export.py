"""The chain as it is written out."""

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.rows import dict_row

from temple_ledger.infrastructure.database.statements import statement


def exported_seals(connection: psycopg.Connection[Any], *, at_a_time: int) -> Iterator[dict[str, Any]]:
    """Each seal, the oldest first."""
    after = 0
    with connection.cursor(row_factory=dict_row) as cursor:
        while found := cursor.execute(statement("seal_export"), {"after": after, "limit": at_a_time}).fetchall():
            yield from found
            after = found[-1]["number"]
