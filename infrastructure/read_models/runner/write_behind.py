"""Writing on a thread while the next members are folded: the database works beside us, on one connection, in order."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

MOST_WAITING: Final = 6
"""Pieces of work, each of some thousand rows."""

Write = Callable[[], None]


def at_once(write: Write) -> None:
    """In the place of what `write_behind` gives."""
    write()


@contextmanager
def write_behind() -> Iterator[Callable[[Write], None]]:
    """Gives a function that has work done in the order in which it is given, and returns before it is done.

    What some work raises comes out of the next call, or of the end of the block; what was given after it is not done.
    Where the block raises, what was not begun is not done.
    """
    waiting: deque[Future[None]] = deque()

    def settle(most: int) -> None:
        while len(waiting) > most:
            waiting.popleft().result()

    with ThreadPoolExecutor(1, thread_name_prefix="write behind") as thread:

        def put(write: Write) -> None:
            settle(MOST_WAITING)
            waiting.append(thread.submit(write))

        try:
            yield put
            settle(0)
        finally:
            for future in waiting:
                future.cancel()
