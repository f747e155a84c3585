"""Opening a connection, by somebody who must be able to give up: where the network swallows all, it takes its time."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import psycopg

Connection = psycopg.Connection[Any]

LOOK_SECONDS: Final = 0.05


def opened_unless(given_up: Callable[[], bool], open_: Callable[[], Connection]) -> Connection | None:
    """What *open_* returns, or raises; None once *given_up* is true. What is opened after that is closed."""
    attempt = _Attempt(open_)
    attempt.thread.start()
    while attempt.thread.is_alive():
        attempt.thread.join(LOOK_SECONDS)
        if attempt.thread.is_alive() and given_up():
            return attempt.abandoned()
    return attempt.result()


class _Attempt:
    def __init__(self, open_: Callable[[], Connection]) -> None:
        self._open = open_
        self._lock = threading.Lock()
        self._given_up = False
        self._connection: Connection | None = None
        self._error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="connecting", daemon=True)

    def _run(self) -> None:
        try:
            connection = self._open()
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits
            self._error = error
            return
        with self._lock:
            self._connection = connection
            if self._given_up:
                connection.close()

    def abandoned(self) -> Connection | None:
        with self._lock:
            self._given_up = True
            if self._connection is not None:
                with suppress(psycopg.Error):
                    self._connection.close()
        return None

    def result(self) -> Connection | None:
        if self._error is not None:
            raise self._error
        return self._connection
