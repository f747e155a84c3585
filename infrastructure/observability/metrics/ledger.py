"""The state of the ledger, read from the database when Prometheus asks: a few cheap questions, under a deadline.

Nothing here counts the log. Where a figure needs counting (holders of roles, members by status, the sizes of tables) it
is kept for a minute at least, and longer where it was dear.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError
from temple_ledger.domain.raised import describe_error
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.observability.metrics.latency import Latencies
from temple_ledger.infrastructure.observability.redaction import scrubbed

Connection = psycopg.Connection[Any]
Reading = Callable[[Connection], Iterable[Metric]]
Lend = Callable[[], AbstractContextManager[Connection]]

DEADLINE_SECONDS: Final = 4.0
STATEMENT_MILLISECONDS: Final = 2_000

log = structlog.get_logger("temple.metrics")


@dataclass
class _Asked:
    """What a scrape got so far; the thread that asks may outlive the scrape."""

    found: list[Metric] = field(default_factory=list)
    complete: bool = False
    ended: threading.Event = field(default_factory=threading.Event)


class LedgerCollector:
    """Asks in a thread of its own, so that a database that does not answer takes nothing but its own figures away."""

    def __init__(
        self,
        database: Database,
        readings: Sequence[tuple[str, Reading]],
        *,
        latencies: Latencies | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
        lend: Lend | None = None,
    ) -> None:
        """*lend* gives the connection of somebody else in place of one of its own."""
        self._database = database
        self._lend = lend or self._own
        self._readings = readings
        self._latencies = latencies
        self._deadline_seconds = deadline_seconds
        self._connection: Connection | None = None
        self._asking = threading.Lock()

    def describe(self) -> Iterable[Metric]:
        """Nothing: a registry that is made asks no database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """What the deadline allows. While another scrape is at it, none of the ledger's figures."""
        started = time.monotonic()
        asked = _Asked()
        if self._asking.acquire(blocking=False):
            threading.Thread(target=self._ask, args=(asked,), name="metrics", daemon=True).start()
            asked.ended.wait(self._deadline_seconds)
        yield from list(asked.found)
        if self._latencies is not None:
            yield from self._latencies.collect()
        complete = gauge(
            "ledger_metrics_complete",
            "1 if the database answered all that this scrape asked, else 0: then figures of it are missing",
        )
        complete.add_metric([], float(asked.complete))
        yield complete
        seconds = gauge("ledger_metrics_duration_seconds", "How long this scrape asked the database")
        seconds.add_metric([], time.monotonic() - started)
        yield seconds

    def close(self) -> None:
        connection = self._connection
        if connection is not None:
            connection.close()

    def _ask(self, asked: "_Asked") -> None:
        try:
            with self._lend() as connection:
                if self._latencies is not None:
                    self._latencies.ask(connection)
                answered = [self._read(connection, name, reading, asked.found) for name, reading in self._readings]
            asked.complete = all(answered)
        except (psycopg.Error, LedgerError) as error:
            log.warning("no metrics of the ledger", reason=type(error).__name__)
            self._drop()
        finally:
            self._asking.release()
            asked.ended.set()

    def _read(self, connection: Connection, name: str, reading: Reading, found: list[Metric]) -> bool:
        try:
            found += reading(connection)
        except psycopg.errors.QueryCanceled:
            log.warning("a figure took too long", figure=name)
            return False
        except psycopg.ProgrammingError as error:
            # a table that is not there, or not yet: the other figures are
            log.warning("a figure could not be read", figure=name, sqlstate=error.sqlstate)
            return False
        except (psycopg.Error, DatabaseUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 -- a reading may be somebody else's code: the other figures are there
            reason = scrubbed(describe_error(error))
            log.warning("a figure could not be read", figure=name, reason=reason)
            return False
        return True

    @contextmanager
    def _own(self) -> Iterator[Connection]:
        if self._connection is None or self._connection.closed:
            self._connection = self._database.connect(DatabaseRole.READ, application="temple metrics")
            bounded(self._connection)
        yield self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def bounded(connection: Connection) -> None:
    """No question on it takes long."""
    set_for_session(connection, "statement_timeout", f"{STATEMENT_MILLISECONDS}ms")


def gauge(name: str, says: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, says, labels=labels)


def counter(name: str, says: str, *labels: str) -> CounterMetricFamily:
    """*name* is without `_total`."""
    return CounterMetricFamily(name, says, labels=labels)
