"""Reading the next pages while this one is worked on: neither side waits for the other."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import cycle, repeat
from typing import TypeVar

Page = TypeVar("Page")
Found = TypeVar("Found")


def read_ahead(pages: Iterable[Page], *readers: Callable[[Page], Found]) -> Generator[tuple[Page, Found], None, None]:
    """Each page with what is found for it, in order; *readers* take turns, each in a thread, one page ahead.

    What a reader raises comes out when its page is due. Whoever stops early waits for the pages that are being read.
    """
    reading: deque[tuple[Page, Future[Found]]] = deque()
    with ExitStack() as threads:
        turns = [(threads.enter_context(ThreadPoolExecutor(1, "read-ahead")), read) for read in readers]
        try:
            for page, (thread, read) in zip(pages, cycle(turns)):
                reading.append((page, thread.submit(read, page)))
                if len(reading) > len(turns):
                    before, found = reading.popleft()
                    yield before, found.result()
            while reading:
                before, found = reading.popleft()
                yield before, found.result()
        finally:
            for _, left in reading:
                left.cancel()


def next_ahead(items: Iterator[Found]) -> Generator[Found, None, None]:
    """The items, the next one of which is taken in a thread; whoever stops early waits for that."""
    with closing(read_ahead(repeat(items), lambda items: next(items, None))) as taken:
        for _, item in taken:
            if item is None:
                return
            yield item
