"""How long deliveries are kept: what was translated, until it is old; what was not, for good."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import structlog

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.statements import statement

BATCH: Final = 1_000
FIRST_SECONDS: Final = 300.0
EVERY_SECONDS: Final = 86_400.0

log = structlog.get_logger("temple.inbox")


def prune(connection: psycopg.Connection[Any], *, before: datetime, batch: int = BATCH) -> int:
    """How many were deleted, a transaction a batch; *connection* is in autocommit."""
    pruned = 0
    while True:
        done = connection.execute(statement("inbox_prune"), {"before": before, "limit": batch}).rowcount
        pruned += done
        if done < batch:
            return pruned


def prunable(connection: psycopg.Connection[Any], *, before: datetime) -> int:
    row = connection.execute(statement("inbox_prunable"), {"before": before}).fetchone()
    return int(row[0]) if row else 0


def keep_pruning(database: Database, keep_days: int, stop: threading.Event) -> None:
    """Once a day until *stop* is set; a day on which the database is away is left out."""
    pause = FIRST_SECONDS
    while not stop.wait(pause):
        pause = EVERY_SECONDS
        try:
            with (
                database.connect(DatabaseRole.TRANSLATE, application="temple inbox prune") as connection,
                database_errors("pruning the inbox"),
            ):
                pruned = prune(connection, before=datetime.now(UTC) - timedelta(days=keep_days))
        except LedgerError as error:
            log.warning("inbox not pruned", reason=str(error))
        else:
            log.info("inbox pruned", deliveries=pruned, older_than_days=keep_days)
