"""What a service manager is sent: that we are ready, alive, or stopping."""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from temple_ledger.infrastructure.terminal.stopping import Stop

POLL_SECONDS: Final = 0.2


def notify_service_manager(state: str) -> None:
    """`READY=1`, `WATCHDOG=1` or `STOPPING=1`, where one is listening (source: sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.connect("\0" + address[1:] if address.startswith("@") else address)
            manager.send(state.encode())


class Watchdog:
    """Reports that we are alive, twice as often as the service manager asks for (source: sd_watchdog_enabled(3))."""

    def __init__(self) -> None:
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        for_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every = int(microseconds) / 2e6 if for_us and microseconds.isdecimal() else 0.0
        self._next = 0.0

    def __call__(self) -> None:
        if self._every and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            notify_service_manager("WATCHDOG=1")


def serve_until(stop: Stop, is_alive: Callable[[], bool] = lambda: True) -> bool:
    """Reports that we are ready, then alive, and, once *stop* is asked for, that we are stopping.

    False when whoever serves has ended before that.
    """
    notify_service_manager("READY=1")
    watchdog, alive = Watchdog(), True
    while alive and not stop.asked:
        watchdog()
        time.sleep(POLL_SECONDS)
        alive = is_alive()
    notify_service_manager("STOPPING=1")
    return alive or stop.asked
