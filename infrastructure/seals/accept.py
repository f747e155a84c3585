"""The way back from a log that was changed: an entry of the chain, and of the operations journal."""

import json

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.migrations import require_current
from temple_ledger.infrastructure.database.statements import statement


def accept_range(database: Database, first: int, last: int, *, by: str, reason: str) -> int:
    """How many events stand otherwise than they were sealed, and count from now on as they are.

    Raises DatabaseUnavailable, SchemaMismatch for a login that may not act as temple_seal, and Refused where nothing
    is sealed.
    """
    with (
        database.connect(DatabaseRole.SEAL, application="temple seal accept") as connection,
        database_errors("accepting"),
        connection.transaction(),
    ):
        require_current(connection)
        if connection.execute(statement("seal_head")).fetchone() is None:
            raise Refused("nothing is sealed yet, so there is nothing to accept; run: temple seal run")
        operation = connection.execute(
            statement("operation_record"),
            {
                "kind": "accept",
                "projection": None,
                "performed_by": by,
                "reason": reason,
                "details": json.dumps({"first": first, "last": last}),
            },
        ).fetchone()
        number = operation[0] if operation is not None else 0
        row = connection.execute(
            statement("seal_accept"), {"first": first, "last": last, "operation": number}
        ).fetchone()
        return int(row[0]) if row is not None else 0
