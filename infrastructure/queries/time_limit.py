"""An end to what an author's code does in this process, where it does not return by itself."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final

LIMIT_SECONDS: Final = 5.0
"""What a runner gives the events of one member."""


@dataclass
class Limit:
    is_over: bool = False


@contextmanager
def limited(seconds: float = LIMIT_SECONDS) -> Iterator[Limit]:
    """After that time, raises KeyboardInterrupt in the code of the block; only in the first thread, which gets signals.

    No Exception: a rule that catches everything, and a fold that parks for whatever is raised, would go on.
    """
    limit = Limit()
    if threading.current_thread() is not threading.main_thread():
        yield limit
        return

    def end(_: int, __: FrameType | None) -> None:
        limit.is_over = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield limit
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
