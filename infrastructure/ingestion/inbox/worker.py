"""Translating: what the deliveries of a source mean goes into the log, in the order in which they came.

Deliveries are marked one by one, there is no checkpoint: docs/decisions/0009-marks-instead-of-a-checkpoint.md.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import psycopg
import structlog

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, passes
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.translate_batch import Stepped as Stepped
from temple_ledger.infrastructure.ingestion.inbox.translate_batch import translate_batch
from temple_ledger.infrastructure.ingestion.inbox.translator import Outcome as Outcome
from temple_ledger.infrastructure.ingestion.inbox.translator import Translation as Translation
from temple_ledger.infrastructure.ingestion.inbox.translator import Translator as Translator
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.log.wakeup import Wakeup

BATCH: Final = 200
PATIENCE_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.5
DUE_SECONDS: Final = 2.0
MOST_BACKOFF_SECONDS: Final = 5.0
_WHAT: Final = "translating"

log = structlog.get_logger("temple.inbox")


def _now() -> datetime:
    return datetime.now(UTC)


class TranslationWorker:
    """Translates one source. Of several for one source, in any number of processes, one works and the others wait."""

    def __init__(
        self,
        database: Database,
        translator: Translator,
        *,
        notifier: Notifier | None = None,
        clock: Callable[[], datetime] = _now,
        batch: int = BATCH,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Connects when it steps. Without an *notifier*, readers of the log find the events when they poll."""
        self._database = database
        self._translator = translator
        self._notifier = notifier
        self._clock = clock
        self._limit = batch
        self._patience_seconds = patience_seconds
        self._connection: RetryingConnection | None = None
        self._wakeup = Wakeup(database, application="temple inbox wakeup", listen="inbox_listen")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._wakeup.close()
        if self._connection is not None:
            self._connection.close()

    def wake(self) -> None:
        """Ends a pause of `run`: there are deliveries, or it was told to stop. From any thread."""
        self._wakeup.wake()

    def step(self) -> Stepped:
        """One batch, and what is due by now when no delivery waits after it.

        Raises DatabaseUnavailable, and SchemaMismatch when tables are missing.
        """
        stepped = self._session().run(
            _WHAT,
            lambda connection: translate_batch(connection, self._translator, limit=self._limit, now=self._clock()),
        )
        if stepped.events and self._notifier is not None:
            self._notifier.notify()
        return stepped

    def run(self, stop: threading.Event) -> None:
        """Steps until *stop* is set, also while the database is away. Who sets it calls `wake` after that.

        Raises SchemaMismatch.
        """
        due_at, failures = 0.0, 0
        while not stop.is_set():
            try:
                if time.monotonic() < due_at and not self._are_waiting():
                    self._wakeup.wait(POLL_SECONDS)
                    continue
                stepped = self.step()
                failures = 0
            except (DatabaseUnavailable, OSError) as error:
                if isinstance(error, OSError) and not passes(error):
                    raise
                failures += 1
                log.warning("not translating", source=self._translator.source, reason=str(error), attempt=failures)
                stop.wait(min(MOST_BACKOFF_SECONDS, 0.1 * 2 ** min(failures, 10)))
                continue
            if stepped.drained and not stepped.due:
                due_at = time.monotonic() + DUE_SECONDS
            elif stepped.elsewhere:
                self._wakeup.wait(POLL_SECONDS)

    def _are_waiting(self) -> bool:
        """Asked without a transaction, so that an idle ledger writes nothing."""
        return self._session().run(_WHAT, self._look)

    def _look(self, connection: psycopg.Connection[Any]) -> bool:
        found = connection.execute(statement("inbox_any_waiting"), {"source": self._translator.source}, prepare=True)
        return found.fetchone() == (True,)

    def _session(self) -> RetryingConnection:
        if self._connection is None:
            self._connection = RetryingConnection(
                self._database,
                DatabaseRole.TRANSLATE,
                application="temple translate",
                patience_seconds=self._patience_seconds,
            )
        return self._connection
