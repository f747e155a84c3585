"""Frames between the gateway and the writer: in order, in memory, and not without end."""

import threading
from collections import deque
from typing import Final

from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery

MOST_FRAMES: Final = 200_000
MOST_BYTES: Final = 256 * 1024 * 1024


class FrameBuffer:
    """Put by the gateway's loop, taken by the writer. Frames come here faster than they go only while the database is
    away; `full` when that lasted too long, and then nothing more is taken in. `came` is how many were taken in."""

    def __init__(self, *, most_frames: int = MOST_FRAMES, most_bytes: int = MOST_BYTES) -> None:
        self._frames: deque[Delivery] = deque()
        self._bytes = 0
        self._most_frames = most_frames
        self._most_bytes = most_bytes
        self._changed = threading.Condition()
        self._ended = False
        self.full = False
        self.refused = 0
        self.came = 0

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, delivery: Delivery) -> None:
        with self._changed:
            if self.full or len(self._frames) >= self._most_frames or self._bytes >= self._most_bytes:
                self.full = True
                self.refused += 1
                return
            self.came += 1
            self._frames.append(delivery)
            self._bytes += len(delivery.body)
            self._changed.notify()

    def next_frames(self, limit: int) -> list[Delivery]:
        """Waits for some; empty once it has ended and everything was taken."""
        with self._changed:
            while not self._frames and not self._ended:
                self._changed.wait()
            frames = [self._frames.popleft() for _ in range(min(limit, len(self._frames)))]
            self._bytes -= sum(len(each.body) for each in frames)
            return frames

    def end(self) -> None:
        """Nothing will be put any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
