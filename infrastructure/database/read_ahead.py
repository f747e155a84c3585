"""Reading the next page while this one is worked on: neither side waits for the other."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Page = TypeVar("Page")
Found = TypeVar("Found")


def read_ahead(pages: Iterable[Page], read: Callable[[Page], Found]) -> Iterator[tuple[Page, Found]]:
    """Each page with what *read* finds for it, in order; one page is read ahead, in a thread.

    What *read* raises comes out when its page is due. Whoever stops early waits for the page that is being read.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        before: tuple[Page, Future[Found]] | None = None
        for page in pages:
            reading = thread.submit(read, page)
            if before is not None:
                yield before[0], before[1].result()
            before = (page, reading)
        if before is not None:
            yield before[0], before[1].result()
