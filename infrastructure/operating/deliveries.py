"""What is done about deliveries, entered in the operations journal in the same transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.administration import retry, retry_all, set_aside
from temple_ledger.infrastructure.ingestion.inbox.delivery import DeliveryState
from temple_ledger.infrastructure.read_models.operations import record

RETRY, IGNORE = "inbox retry", "inbox ignore"


def retry_deliveries(
    database: Database,
    numbers: Sequence[int],
    *,
    by: str,
    reason: str | None = None,
    state: DeliveryState = DeliveryState.FAILED,
    role: DatabaseRole = DatabaseRole.TRANSLATE,
) -> int:
    """These, or none of them: they wait again. Raises UnknownName, and Refused for one in another state."""
    numbers = list(dict.fromkeys(numbers))
    with _inbox(database, role, "retrying deliveries") as connection:
        done = retry(connection, numbers, state=state)
        record(connection, RETRY, None, by=by, reason=reason, details={"deliveries": numbers})
        connection.execute(statement("inbox_notify"))
    return done


def retry_every_delivery(
    database: Database,
    *,
    by: str,
    reason: str | None = None,
    state: DeliveryState,
    source: str | None,
    kind: str | None,
) -> int:
    with _inbox(database, DatabaseRole.TRANSLATE, "retrying deliveries") as connection:
        done = retry_all(connection, state=state, source=source, kind=kind)
        details = {"number": done, "state": state.value, "source": source, "kind": kind}
        record(connection, RETRY, None, by=by, reason=reason, details=details)
        connection.execute(statement("inbox_notify"))
    return done


def ignore_deliveries(
    database: Database,
    numbers: Sequence[int],
    *,
    by: str,
    reason: str,
    role: DatabaseRole = DatabaseRole.TRANSLATE,
) -> int:
    """These, or none of them. Raises UnknownName, and Refused for one that neither failed nor is unreadable."""
    numbers = list(dict.fromkeys(numbers))
    with _inbox(database, role, "setting deliveries aside") as connection:
        done = set_aside(connection, numbers, by=by, reason=reason)
        record(connection, IGNORE, None, by=by, reason=reason, details={"deliveries": numbers})
    return done


@contextmanager
def _inbox(database: Database, role: DatabaseRole, doing: str) -> Iterator[psycopg.Connection[Any]]:
    with (
        database.connect(role, application="temple inbox") as connection,
        database_errors(doing),
        connection.transaction(),
    ):
        yield connection
