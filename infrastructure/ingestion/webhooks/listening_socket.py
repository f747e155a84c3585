"""A socket that goes on listening when the process has no file descriptor left."""

import errno
import os
import socket
import time
from contextlib import suppress
from typing import Any, Final, Self

import structlog

EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
REPORT_SECONDS: Final = 10.0
PAUSE_SECONDS: Final = 0.02
COME_AGAIN: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)

log = structlog.get_logger("temple.receive")


class ListeningSocket(socket.socket):
    """Holds one descriptor back. With it, whoever cannot be taken is told to come again, and gone.

    asyncio by itself tries to accept as often as the backlog is long, and logs each failure.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._spare: int | None = None
        self._turned_away = 0
        self._report_at = 0.0

    def hold_back(self) -> Self:
        self._spare = os.open(os.devnull, os.O_RDONLY)
        return self

    def accept(self) -> tuple[socket.socket, Any]:
        """Raises BlockingIOError where nobody waits, and where nobody can be taken now."""
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
        self._turn_away()
        raise BlockingIOError(errno.EAGAIN, "no file descriptor is left")

    def close(self) -> None:
        self._release()
        super().close()

    def _turn_away(self) -> None:
        self._release()
        try:
            with suppress(OSError):
                waiting, _ = super().accept()
                with waiting:
                    waiting.setblocking(False)
                    with suppress(OSError):
                        waiting.send(COME_AGAIN)
                self._turned_away += 1
        finally:
            with suppress(OSError):
                self.hold_back()
        if self._spare is None:
            # somebody else took it, or the whole machine has none: then not as fast as the machine can
            time.sleep(PAUSE_SECONDS)
        self._report()

    def _report(self) -> None:
        now = time.monotonic()
        if now >= self._report_at:
            log.error("no file descriptor is left; senders are told to come again", turned_away=self._turned_away)
            self._report_at = now + REPORT_SECONDS
            self._turned_away = 0

    def _release(self) -> None:
        spare, self._spare = getattr(self, "_spare", None), None
        if spare is not None:
            os.close(spare)
