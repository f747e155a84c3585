"""Pieces from a worker to the process that writes them, which never waits for the rest of one: a worker may stand still
in the middle, and whoever waits for it is idle in a transaction, which the database ends."""

import os
import pickle
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final

_SIZE: Final = 8
"""Bytes before each piece: how many follow."""
_AT_ONCE: Final = 1 << 20


def send_piece(pipe: Pipe, piece: object) -> None:
    """Waits until the other end has taken all of it."""
    packed = pickle.dumps(piece, pickle.HIGHEST_PROTOCOL)
    left = memoryview(len(packed).to_bytes(_SIZE) + packed)
    while left:
        left = left[os.write(pipe.fileno(), left) :]


class ArrivingPieces:
    """The end that reads."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self._there = bytearray()
        self.read_at = time.monotonic()
        os.set_blocking(pipe.fileno(), False)

    def read(self) -> Iterator[Any]:
        """The pieces that are whole by now. Raises EOFError where none will come: a part of one is nothing."""
        try:
            part = os.read(self.pipe.fileno(), _AT_ONCE)
        except BlockingIOError:
            return
        if not part:
            raise EOFError
        self.read_at = time.monotonic()
        self._there += part
        while (piece := self._first()) is not None:
            # of our own worker, which this process has forked
            yield pickle.loads(piece)  # noqa: S301

    def _first(self) -> bytes | None:
        end = _SIZE + int.from_bytes(self._there[:_SIZE])
        if len(self._there) < max(_SIZE + 1, end):
            return None
        piece = bytes(self._there[_SIZE:end])
        del self._there[:end]
        return piece
