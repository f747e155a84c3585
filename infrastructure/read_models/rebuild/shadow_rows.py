"""What a rebuild puts into its shadow tables and notes, and how both are cleared."""

from collections.abc import Sequence
from typing import Any

import psycopg

from temple_ledger.infrastructure.database.rebuilt_tables import empty_shadows
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import Projection

Connection = psycopg.Connection[Any]


def clear(connection: Connection, projection: Projection) -> None:
    """Nothing is left of a rebuild: neither rows nor notes."""
    empty_shadows(connection, projection)
    connection.execute(statement("rebuild_forget"), projection.key.parameters)


def put_failures(connection: Connection, key: ProjectionKey, failures: Sequence[Failure]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("rebuild_failure_note"),
            [{**key.parameters, **failure._asdict()} for failure in failures],
        )
