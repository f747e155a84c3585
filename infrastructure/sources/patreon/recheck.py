"""Asks Patreon about memberships that are in doubt. The answers go into the inbox, as deliveries of their own kind.

So there is one order for everything, and one place that draws conclusions. An answer is stored before the doubt ends,
and asking twice does no harm.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from hashlib import sha256
from types import TracebackType
from typing import Any, Final, Self

import psycopg
import structlog

from temple_ledger.domain.errors import LedgerError, PlatformUnavailable
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.sources.patreon.client import PatreonClient
from temple_ledger.infrastructure.sources.patreon.membership_event import SOURCE
from temple_ledger.infrastructure.sources.patreon.translator import GONE, READ, asked_details
from temple_ledger.infrastructure.sources.patreon.webhooks import read_webhooks

AT_ONCE: Final = 50
POLL_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 2.0
MOST_BACKOFF_SECONDS: Final = 60.0
AGAIN_AFTER: Final = timedelta(seconds=30)
"""Until then an answer is on its way through the inbox."""

WATCH_EVERY: Final = timedelta(minutes=10)

log = structlog.get_logger("temple.patreon")


async def recheck(
    connection: RetryingConnection, client: PatreonClient, asked: dict[str, datetime], *, limit: int = AT_ONCE
) -> int:
    """Asks for those that are due and were not asked for a moment ago; how many. *asked* holds them, with when.

    Raises PlatformUnavailable and DatabaseUnavailable; what was answered until then is stored.
    """
    now = client.clock()
    for member_id in [each for each, at in asked.items() if now - at >= AGAIN_AFTER]:
        del asked[member_id]
    due = [each for each in _due(connection, now, limit + len(asked)) if each not in asked][:limit]
    for member_id in due:
        # one that Patreon does not answer about does not hold up the others
        asked[member_id] = asked_at = client.clock()
        answer = await client.member(member_id)
        _store(connection, _delivery(member_id, answer, asked_at, client.clock()))
    return len(due)


class WebhookCheck:
    """Patreon's webhooks, every so often: for the metrics, and the log when one is in trouble."""

    def __init__(self, database: Database, client: PatreonClient) -> None:
        self._database = database
        self._client = client
        self._next = client.clock()

    async def step(self) -> int:
        """How many are in trouble; asks only when it is time. Raises DatabaseUnavailable."""
        now = self._client.clock()
        if now < self._next:
            return 0
        self._next = now + WATCH_EVERY
        try:
            found = [each for each in await read_webhooks(self._database, self._client) if each.in_trouble]
        except PlatformUnavailable as error:
            # a token without the scope for webhooks reads members all the same
            log.info("the webhooks were not looked at", reason=str(error))
            return 0
        for each in found:
            log.error("a webhook of Patreon delivers nothing", paused=each.paused, failures=each.failures)
        return len(found)


class RecheckWorker:
    """`recheck` for as long as the block lasts, in a thread and an event loop of its own."""

    def __init__(self, database: Database, make_client: Callable[[], PatreonClient]) -> None:
        self._database = database
        self._make_client = make_client
        self._asked: dict[str, datetime] = {}
        self._connection: RetryingConnection | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recheck patreon", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(2 * POLL_SECONDS)

    def _run(self) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        failures = 0
        async with self._make_client() as client:
            webhooks = WebhookCheck(self._database, client)
            while not self._stop.is_set():
                try:
                    await self._until_stopped(webhooks.step())
                    found = await self._until_stopped(self._recheck(client))
                    failures = 0
                except Exception as error:  # noqa: BLE001 -- whatever it is, what is in doubt must not stay so
                    failures += 1
                    log.warning("not asking Patreon again", reason=_sentence(error), attempt=failures)
                    found = 0
                if not found:
                    await self._pause(min(MOST_BACKOFF_SECONDS, POLL_SECONDS * 2 ** min(failures, 10)))
        if self._connection is not None:
            self._connection.close()

    async def _recheck(self, client: PatreonClient) -> int:
        if self._connection is None:
            self._connection = recheck_connection(self._database)
        return await recheck(self._connection, client, self._asked)

    async def _until_stopped(self, work: Coroutine[Any, Any, int]) -> int:
        """A wait for Patreon does not hold up the end."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait({task}, timeout=POLL_SECONDS / 2)
            if self._stop.is_set() and not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                return 0
        return task.result()

    async def _pause(self, seconds: float) -> None:
        await asyncio.to_thread(self._stop.wait, seconds)


def recheck_connection(database: Database) -> RetryingConnection:
    """What `recheck` works on. Raises DatabaseUnavailable."""
    return RetryingConnection(
        database, DatabaseRole.TRANSLATE, application="temple patreon recheck", patience_seconds=PATIENCE_SECONDS
    )


def _due(connection: RetryingConnection, now: datetime, limit: int) -> list[str]:
    values = {"now": now, "limit": limit}
    return connection.run(
        "finding what to ask again",
        lambda opened: [row[0] for row in opened.execute(statement("patreon_recheck_due"), values)],
    )


def _delivery(member_id: str, answer: bytes | None, asked_at: datetime, now: datetime) -> Delivery:
    kind = GONE if answer is None else READ
    body = json.dumps({"data": None}).encode() if answer is None else answer
    details = asked_details(asked_at, member_id)
    # the same answer at another time is another answer
    digest = sha256(json.dumps([kind, details]).encode() + b"\0" + body).digest()
    return Delivery(SOURCE, kind, body, digest, now, None, details)


def _store(connection: RetryingConnection, delivery: Delivery) -> None:
    def work(opened: psycopg.Connection[Any]) -> None:
        with opened.transaction():
            store(opened, [delivery])
            opened.execute(statement("inbox_notify"))

    connection.run("storing what Patreon answered", work)


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, LedgerError) else type(error).__name__
