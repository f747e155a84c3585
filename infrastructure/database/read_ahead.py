"""Reading the next pages while this one is worked on: neither side waits for the other."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from typing import TypeVar

Page = TypeVar("Page")
Found = TypeVar("Found")


def read_ahead(pages: Iterable[Page], *readers: Callable[[Page], Found]) -> Iterator[tuple[Page, Found]]:
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
