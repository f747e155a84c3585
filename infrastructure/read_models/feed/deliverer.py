"""The deliverer: what waits in the outbox goes to its sink, at least once.

Each sink has a thread and a connection of its own, so one that is out of order holds up no other. Of several deliverers
one holds a sink; the next takes over. What is marked as delivered was accepted; who dies in between delivers it again.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import structlog

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, in_words, passes, reason_of
from temple_ledger.infrastructure.database.patience import Patience
from temple_ledger.infrastructure.log.durable import wait_until_durable
from temple_ledger.infrastructure.read_models.feed.outbox import (
    any_waiting,
    hold_sink,
    prune,
    record_attempts,
    release_sinks,
    waiting,
)
from temple_ledger.infrastructure.read_models.feed.sink import Attempt, OutboxMessage, Sink
from temple_ledger.projections.frames import frames_as_text

PAGE: Final = 1_000
LONGEST_ASKED_SECONDS: Final = 3_600.0
"""Of peace, whatever a sink asks for: it may ask for centuries."""
HOLD_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.2
HOLD_AGAIN_SECONDS: Final = 1.0
RECOVER_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
PRUNE_SECONDS: Final = 600.0
END_SECONDS: Final = 20.0

log = structlog.get_logger("temple.deliverer")


class Deliverer:
    """Delivers to every sink that it is given, until it is stopped."""

    def __init__(self, database: Database, sinks: Mapping[str, Sink], *, keep_days: float = 7.0) -> None:
        self._workers = [_SinkWorker(database, name, sink, keep_days) for name, sink in sinks.items()]

    def stop(self) -> None:
        """The round at hand is ended and recorded; safe in a signal handler."""
        for worker in self._workers:
            worker.stopping.set()

    def run(self, *, until_empty: bool = False) -> int:
        """How many messages were delivered. With *until_empty*, ends once a sink has nothing due, or takes nothing.

        Raises DatabaseUnavailable where the database refuses, and with *until_empty* where it is away for long.
        """
        threads = [
            threading.Thread(target=worker.run, args=(until_empty,), name=f"sink {worker.name}", daemon=True)
            for worker in self._workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive() and not self._ended_by_force():
                if self._failed is not None:
                    self.stop()
                thread.join(0.5)
        if self._failed is not None:
            raise self._failed
        return self.delivered

    @property
    def _failed(self) -> LedgerError | None:
        return next((worker.failed for worker in self._workers if worker.failed is not None), None)

    @property
    def delivered(self) -> int:
        return sum(worker.delivered for worker in self._workers)

    def _ended_by_force(self) -> bool:
        return any(worker.overdue for worker in self._workers)


class _SinkWorker:
    def __init__(self, database: Database, name: str, sink: Sink, keep_days: float) -> None:
        self.name = name
        self.stopping = threading.Event()
        self.delivered = 0
        self.failed: LedgerError | None = None
        self._database = database
        self._sink = sink
        self._keep_days = keep_days
        self._holder: UUID = uuid4()
        self._asked_to_end_at: float | None = None
        self._failing = 0
        self._at_a_time = PAGE
        self._pruned_at = 0.0

    @property
    def overdue(self) -> bool:
        """It was asked to stop long ago, and hangs in a sink or in the database."""
        if not self.stopping.is_set():
            return False
        if self._asked_to_end_at is None:
            self._asked_to_end_at = time.monotonic()
        return time.monotonic() - self._asked_to_end_at > END_SECONDS

    def run(self, until_empty: bool) -> None:
        patience = Patience(has_end=until_empty)
        while not self.stopping.is_set():
            try:
                with self._database.connect(DatabaseRole.DELIVER, application="temple effects") as connection:
                    self._deliver(connection, patience, until_empty)
                    release_sinks(connection, self._holder)
                    return
            except (psycopg.Error, DatabaseUnavailable) as error:
                if isinstance(error, psycopg.Error) and not passes(error):
                    self.failed = DatabaseUnavailable(f"sink {self.name}: the database refused: {reason_of(error)}")
                    return
                if patience.is_lost():
                    reason = in_words(error) if isinstance(error, psycopg.Error) else str(error)
                    self.failed = DatabaseUnavailable(f"sink {self.name}: {reason}")
                    return
                log.warning("database error, trying again", sink=self.name, reason=reason_of(error))
                self.stopping.wait(RECOVER_SECONDS)
            except LedgerError as error:
                self.failed = error
                return

    def _deliver(self, connection: psycopg.Connection[Any], patience: Patience, until_empty: bool) -> None:
        while not self.stopping.is_set():
            if not hold_sink(connection, self.name, self._holder, HOLD_SECONDS):
                if until_empty and not any_waiting(connection, self.name):
                    return
                self.stopping.wait(HOLD_AGAIN_SECONDS)
                continue
            patience.restore()
            pause = self._round(connection)
            if until_empty and (pause is None or self._failing):
                return
            if pause is None:
                self._prune(connection)
                pause = POLL_SECONDS
            self.stopping.wait(pause)

    def _round(self, connection: psycopg.Connection[Any]) -> float | None:
        """Seconds to wait before the next one; None where nothing was due."""
        messages = waiting(connection, self.name, self._at_a_time)
        if not messages:
            self._at_a_time = PAGE
            return None
        # a crash of the server may take back what is not on the disk: it would be delivered and never have happened
        wait_until_durable(connection)
        attempts = self._attempts(messages, connection)
        for each in record_attempts(connection, self.name, attempts):
            log.error(
                "message parked; later ones of the member go on",
                sink=self.name,
                message=each.message.id,
                reason=each.error,
            )
        return self._pause_after(attempts)

    def _attempts(self, messages: Sequence[OutboxMessage], connection: psycopg.Connection[Any]) -> Sequence[Attempt]:
        """A sink is anybody's code: where it raises, each message is tried by itself, until it is known at which."""
        try:
            return self._sink.deliver(messages, connection)
        except (psycopg.Error, LedgerError):
            raise
        except Exception as error:  # noqa: BLE001 -- whatever it is, the message is tried again, and it is said
            if len(messages) > 1:
                self._at_a_time = 1
                return []
            self._at_a_time = PAGE
            # never what it says, which may have a token in it
            raised = type(error).__name__
            log.error("a sink failed", sink=self.name, error=raised, where=frames_as_text(error))
            return [Attempt(messages[0], f"the sink failed ({raised})")]

    def _pause_after(self, attempts: Sequence[Attempt]) -> float:
        delivered = sum(each.error is None for each in attempts)
        self.delivered += delivered
        failures = [each for each in attempts if each.error is not None and not each.refused]
        if delivered or not failures:
            self._failing = 0
        else:
            self._failing += 1
            log.warning("sink does not accept messages", sink=self.name, reason=failures[-1].error)
        asked = max((each.pause_seconds for each in failures if each.pause_seconds is not None), default=0.0)
        backoff = min(LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(self._failing, 10)) if self._failing else 0.0
        return max(min(asked, LONGEST_ASKED_SECONDS), backoff)

    def _prune(self, connection: psycopg.Connection[Any]) -> None:
        if time.monotonic() - self._pruned_at >= PRUNE_SECONDS:
            self._pruned_at = time.monotonic()
            prune(connection, self._keep_days)
