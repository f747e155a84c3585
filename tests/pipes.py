"""A pipe that somebody has open and never reads."""

import os
import select
import threading
import time
from contextlib import suppress
from pathlib import Path

PIECE = 4096
PATIENCE_SECONDS = 60


class UnreadPipe:
    """Its `writer` is a descriptor like any other process would have it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.writer = os.open(path, os.O_WRONLY)

    def fill(self) -> None:
        filler = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            while True:
                os.write(filler, bytes(PIECE))
        os.close(filler)

    def wait_until_full(self) -> None:
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
        while select.select([], [self.writer], [], 0)[1]:
            assert time.monotonic() < deadline
            pause.wait(0.01)

    def close(self) -> None:
        os.close(self._reader)
        os.close(self.writer)
