"""`AsyncFeed`: a feed for an event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from temple_ledger.infrastructure.ledger.feed import Connection, Feed, FeedItem


class AsyncFeed:
    """The same for an event loop: `async for item in feed`, in a thread of its own."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="temple feed")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._feed.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._feed.__exit__, None, None, None)
        self._thread.shutdown(wait=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FeedItem:
        """Cancelled, it goes on in its thread: close the feed."""
        item = await asyncio.get_running_loop().run_in_executor(self._thread, next, self._feed, None)
        if item is None:
            raise StopAsyncIteration
        return item

    def close(self) -> None:
        self._feed.close()

    def commit(self, item: FeedItem, connection: Connection) -> None:
        """Of a connection that is not asynchronous: see `Feed.commit`."""
        self._feed.commit(item, connection)
