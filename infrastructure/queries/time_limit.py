"""An end to what an author's code does in this process, where it does not return by itself."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

LIMIT_SECONDS: Final = 5.0
"""What a runner gives the events of one member."""


class TookTooLong(BaseException):
    """No Exception: a rule that catches everything, and a fold that parks for whatever is raised, would go on."""


@contextmanager
def limited(seconds: float = LIMIT_SECONDS) -> Iterator[None]:
    """Raises TookTooLong in the code of the block after that time; only in the first thread, which gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _raise)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _raise(_: int, __: FrameType | None) -> None:
    raise TookTooLong
