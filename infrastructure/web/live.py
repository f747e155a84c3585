"""One stream of events for each browser: where the ledger is, then where it moved to, and nothing else.

A page that was made before then asks for its part.

While nobody listens nothing is asked of the database, but for each page that is made.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

from temple_ledger.domain.errors import LedgerError

LOOK_SECONDS: Final = 0.25
BEAT_SECONDS: Final = 20.0
"""A comment that finds out whether the browser is still there; the session is looked at again as often."""
RETRY_MILLISECONDS: Final = 2_000
"""After so long a browser opens a stream anew that broke off."""
MOST_STREAMS: Final = 400
MOST_OF_A_SESSION: Final = 6


class TooManyStreams(LedgerError):
    """The page asks from time to time instead."""


class Live:
    """Lives in the loop of the server. *read* is called in a thread; the number that it returns moves."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._now = ""
        self._moved: asyncio.Condition | None = None
        self._listening: Counter[int] = Counter()
        self._looking: asyncio.Task[None] | None = None
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def head(self) -> str:
        """Where the ledger is, for a page that is made now: asked, where nobody listens, or as of the last look."""
        if self._is_looking:
            return self._now
        try:
            return self._read()
        except LedgerError:
            return self._now  # the page says that the database is away

    @property
    def streams(self) -> int:
        return self._listening.total()

    async def stream(self, session: int, holds: Callable[[], bool]) -> AsyncIterator[bytes]:
        """For as long as the session *holds*. Raises TooManyStreams."""
        if self._listening[session] >= MOST_OF_A_SESSION or self.streams >= MOST_STREAMS:
            raise TooManyStreams("there are too many streams")
        return self._events(session, holds)

    async def _events(self, session: int, holds: Callable[[], bool]) -> AsyncIterator[bytes]:
        self._loop = asyncio.get_running_loop()
        self._moved = self._moved or asyncio.Condition()
        self._listening[session] += 1
        try:
            if not self._is_looking:
                await self._look_once()
            if not self._is_looking:
                self._looking = asyncio.create_task(self._look())
            shown = self._now
            yield f"retry: {RETRY_MILLISECONDS}\nevent: now\ndata: {shown}\n\n".encode()
            while not self._closed and await asyncio.to_thread(holds):
                try:
                    async with asyncio.timeout(BEAT_SECONDS), self._moved:
                        await self._moved.wait_for(partial(self._has_moved, shown))
                except TimeoutError:
                    yield b": \n\n"
                    continue
                shown = self._now
                yield f"event: head\ndata: {shown}\n\n".encode()
        finally:
            self._listening[session] -= 1

    @property
    def _is_looking(self) -> bool:
        return self._looking is not None and not self._looking.done()

    def _has_moved(self, shown: str) -> bool:
        return self._closed or self._now != shown

    def close(self) -> None:
        """Ends every stream: a server that stops waits for them. From any thread."""
        self._closed = True
        if self._loop is not None and not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._notify(), self._loop)

    async def _look(self) -> None:
        while self.streams and not self._closed:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look_once()

    async def _look_once(self) -> None:
        try:
            found = await asyncio.to_thread(self._read)
        except LedgerError:
            return  # the database is away, which the page says when it asks
        if found != self._now:
            self._now = found
            await self._notify()

    async def _notify(self) -> None:
        if self._moved is not None:
            async with self._moved:
                self._moved.notify_all()
