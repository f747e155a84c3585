"""`AsyncLedger`: the methods of `Ledger`, each run in a thread of a bounded pool."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar
from uuid import UUID

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.event import Event
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.ledger.async_feed import AsyncFeed
from temple_ledger.infrastructure.ledger.ledger import CLOSED, WAIT_SECONDS, Ledger, MemberRows
from temple_ledger.infrastructure.log.append import Appended
from temple_ledger.projections.processor import Projection

THREADS: Final = 8
T = TypeVar("T")


class AsyncLedger:
    """For discord.py, FastAPI and other event loops: see `Ledger`.

    A call that is cancelled goes on in its thread. So an append that was cancelled is undecided: repeat it with the
    same event_id.
    """

    def __init__(
        self,
        dsn: str | None = None,
        *,
        projections: Sequence[Projection] | None = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        self._ledger = Ledger(dsn, projections=projections, catalogue=catalogue)
        self._closed = False
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="temple ledger")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Lets calls that are under way end; those that wait for a thread are dropped."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._ledger.close)

    async def append(
        self, event: Event, *, event_id: UUID | None = None, notes: Mapping[str, Any] | None = None
    ) -> Appended:
        return await self._run(lambda: self._ledger.append(event, event_id=event_id, notes=notes))

    async def wait(
        self, position: Position | None = None, *, projection: str = "members", timeout_seconds: float = WAIT_SECONDS
    ) -> Position:
        return await self._run(
            lambda: self._ledger.wait(position, projection=projection, timeout_seconds=timeout_seconds)
        )

    async def rows(
        self, projection: str, user_id: str, *, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> MemberRows:
        return await self._run(lambda: self._ledger.rows(projection, user_id, as_of=as_of, known_at=known_at))

    def changes(
        self, projection: str, *, consumer: str, start: Literal["rows", "now"] = "rows", follow: bool = True
    ) -> AsyncFeed:
        return AsyncFeed(self._ledger.changes(projection, consumer=consumer, start=start, follow=follow))

    async def forget_consumer(self, projection: str, consumer: str) -> bool:
        return await self._run(lambda: self._ledger.forget_consumer(projection, consumer))

    async def _run(self, call: Callable[[], T]) -> T:
        if self._closed:
            raise Refused(CLOSED)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
