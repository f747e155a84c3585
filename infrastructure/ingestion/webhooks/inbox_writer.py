"""One writer for all requests: what came in meanwhile is kept in one transaction, and then all are answered.

A commit a delivery would wait for the disk once each; so they share. The writer is a thread with a connection of its
own, since `store` is what everybody uses.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import psycopg
import structlog

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError
from temple_ledger.infrastructure.database.abort import cut
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, passes
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery
from temple_ledger.infrastructure.ingestion.inbox.store import StoredDelivery, store

MOST_A_ROUND: Final = 200
MOST_BYTES_A_ROUND: Final = 8 * 2**20
MOST_WAITING: Final = 2_000
MOST_BYTES_WAITING: Final = 64 * 2**20
ANSWER_SECONDS: Final = 5.0
AWAY_SECONDS: Final = 0.5

log = structlog.get_logger("temple.receive")


class NotStored(LedgerError):
    """Not known to be in the inbox: the sender has to come again."""


class _Waiting(NamedTuple):
    delivery: Delivery | None
    """None: only whether the database answers."""
    answer: "asyncio.Future[StoredDelivery | None]"
    size: int


class InboxWriter:
    """Keeps deliveries; each call returns once its delivery is committed."""

    def __init__(
        self,
        database: Database,
        *,
        kept: Callable[[], None] = lambda: None,
        answer_seconds: float = ANSWER_SECONDS,
        away_seconds: float = AWAY_SECONDS,
    ) -> None:
        """*kept* is called after each commit, from the writer's thread."""
        self._database = database
        self._kept = kept
        self._answer_seconds = answer_seconds
        self._away_seconds = away_seconds
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._some = threading.Condition()
        self._closing = False
        self._connection: psycopg.Connection[Any] | None = None
        self._holding = threading.Lock()
        self._round_since: float | None = None
        self._away_until = 0.0
        self._thread = threading.Thread(target=self._run, name="inbox writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Keeps what waits, and ends."""
        with self._some:
            self._closing = True
            self._some.notify()
        self._thread.join(self._answer_seconds)
        if self._thread.is_alive():
            self._cut()
            self._thread.join(self._answer_seconds)

    async def store(self, delivery: Delivery) -> StoredDelivery:
        """Raises NotStored: at once when too many wait, in the end when the database did not answer in time."""
        kept = await self._answered(delivery, len(delivery.body))
        if kept is None:
            raise NotStored("nobody knows what became of it")
        return kept

    async def ping(self) -> None:
        """Returns when the writer works and the database answers. Raises NotStored."""
        await self._answered(None, 0)

    async def _answered(self, delivery: Delivery | None, size: int) -> StoredDelivery | None:
        answer: asyncio.Future[StoredDelivery | None] = asyncio.get_running_loop().create_future()
        with self._some:
            if self._closing or len(self._waiting) >= MOST_WAITING or self._bytes + size > MOST_BYTES_WAITING:
                raise NotStored("too much waits to be kept")
            self._waiting.append(_Waiting(delivery, answer, size))
            self._bytes += size
            self._some.notify()
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await answer
        except TimeoutError:
            self._cut_if_stuck()
            raise NotStored("the database did not answer in time") from None

    def _run(self) -> None:
        while batch := self._next():
            self._round_since = time.monotonic()
            try:
                self._resolve(batch, self._round([each.delivery for each in batch if each.delivery is not None]))
            except Exception as error:  # noqa: BLE001 -- whatever happens, each request is answered and the writer goes on
                self._refuse(batch, error)
            finally:
                self._round_since = None
        self._drop()

    def _next(self) -> list[_Waiting]:
        """What waits, at most a round's worth; empty when it is time to end."""
        with self._some:
            self._some.wait_for(lambda: self._waiting or self._closing)
            batch: list[_Waiting] = []
            size = 0
            while self._waiting and len(batch) < MOST_A_ROUND and size <= MOST_BYTES_A_ROUND:
                batch.append(self._waiting.popleft())
                size += batch[-1].size
            self._bytes -= size
            return batch

    def _round(self, deliveries: Sequence[Delivery]) -> list[StoredDelivery | Exception]:
        """Once more on a new connection when it was lost: the same deliveries again are at worst repeats."""
        if time.monotonic() < self._away_until:
            raise DatabaseUnavailable("the database was away a moment ago")
        try:
            return self._keep(deliveries)
        except psycopg.Error as error:
            if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
                return self._one_by_one(deliveries)
            if not passes(error):
                raise
            if self._is_late():
                raise
            self._drop()
        return self._keep(deliveries)

    def _keep(self, deliveries: Sequence[Delivery]) -> list[StoredDelivery | Exception]:
        connection = self._opened()
        if not deliveries:
            connection.execute(statement("inbox_ping"))
            return []
        found = store(connection, deliveries)
        self._kept()
        return list(found)

    def _one_by_one(self, deliveries: Sequence[Delivery]) -> list[StoredDelivery | Exception]:
        """The database cannot hold one of them: not the fault of the others."""
        found: list[StoredDelivery | Exception] = []
        for each in deliveries:
            try:
                found += self._keep([each])
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                found.append(error)
        return found

    def _resolve(self, batch: Sequence[_Waiting], kept: Sequence[StoredDelivery | Exception]) -> None:
        left = iter(kept)
        results: list[StoredDelivery | Exception | None] = [
            None if each.delivery is None else next(left) for each in batch
        ]
        for refused in results:
            if isinstance(refused, Exception):
                log.error("delivery not kept", reason=_reason(refused))
        _answer(batch, results)

    def _refuse(self, batch: Sequence[_Waiting], error: Exception) -> None:
        if not isinstance(error, DatabaseUnavailable) or time.monotonic() >= self._away_until:
            log.error("deliveries not kept", number=len(batch), reason=_reason(error))
            self._away_until = time.monotonic() + self._away_seconds
        self._drop()
        _answer(batch, [error] * len(batch))

    def _opened(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            opened = self._database.connect(DatabaseRole.APPEND, application="temple receive")
            with self._holding:
                self._connection = opened
        return self._connection

    def _drop(self) -> None:
        with self._holding:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _is_late(self) -> bool:
        return self._round_since is not None and time.monotonic() - self._round_since >= self._answer_seconds / 2

    def _cut_if_stuck(self) -> None:
        if self._is_late():
            self._cut()

    def _cut(self) -> None:
        with self._holding:
            if self._connection is not None:
                cut(self._connection)


def _answer(batch: Sequence[_Waiting], results: Sequence[StoredDelivery | Exception | None]) -> None:
    with suppress(RuntimeError):  # nobody is left who could be answered
        batch[0].answer.get_loop().call_soon_threadsafe(_set, batch, results)


def _set(batch: Sequence[_Waiting], results: Sequence[StoredDelivery | Exception | None]) -> None:
    for each, result in zip(batch, results, strict=True):
        if each.answer.done():
            continue  # it took too long: the sender comes again, and is told that it is a repeat
        if isinstance(result, Exception):
            each.answer.set_exception(NotStored(_reason(result)))
        else:
            each.answer.set_result(result)


def _reason(error: Exception) -> str:
    """Never the driver's message, which repeats the row."""
    if isinstance(error, psycopg.Error):
        return f"SQLSTATE {error.sqlstate}" if error.sqlstate else "connection lost"
    return str(error) if isinstance(error, LedgerError) else type(error).__name__
