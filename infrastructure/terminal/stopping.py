"""A command that goes on until a signal asks it to stop.

with stopped_by_signals() as stop:
    while not stop.asked: ...
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stop:
    """Asked for by a signal, once; whatever it calls has to be safe in a signal handler."""

    def __init__(self) -> None:
        self.asked = False
        self._calls: list[Callable[[], None]] = []

    def calls(self, function: Callable[[], None]) -> None:
        self._calls.append(function)
        if self.asked:
            function()

    def __call__(self) -> None:
        self.asked = True
        for function in self._calls:
            function()


@contextmanager
def stopped_by_signals() -> Iterator[Stop]:
    """The first signal asks to stop when the batch at hand is done; a second one does what it always does."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def asked(_: int, __: FrameType | None) -> None:
        restore()
        stop()

    for number in SIGNALS:
        signal.signal(number, asked)
    try:
        yield stop
    finally:
        restore()
