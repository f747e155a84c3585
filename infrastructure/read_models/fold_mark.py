"""What a process folds right now, for the one that watches it: a few bytes of shared memory, no call of the system.

One that is stuck in a rule cannot answer; so it writes beforehand whom it is about to fold.
"""

import json
import mmap
import signal
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.fold import FailureKind

SIZE: Final = 4_096
_HEAD: Final = struct.Struct("<QdH")
"""A number that is odd while the rest is written, when it was written, how long the text is."""


@dataclass(frozen=True)
class Folding:
    """A member (of a tally: an event) that is being folded since `since`, by the monotonic clock of the machine."""

    projection: str
    user_id: str
    position: Position
    events: int
    since: float

    def failure(self, seconds: float) -> Failure:
        """Of a fold that was ended because it took longer than so many *seconds*."""
        return self._failure(f"took longer than {seconds:.0f} s and was ended")

    def failure_of_end(self, code: int) -> Failure:
        """Of a fold in which its process ended by itself, with this exit code; one below zero is that of a signal."""
        how = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
        return self._failure(f"ended its process, {how}")

    def _failure(self, what: str) -> Failure:
        events = f"{self.events:,} event{'' if self.events == 1 else 's'}"
        return Failure(self.position, self.user_id, f"the fold of {events} from here on {what}", FailureKind.TIME)


_FROM_OUTSIDE: Final = frozenset({signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP})


def ended_by_itself(code: int | None) -> bool:
    """Whether a process that ended so was not ended by somebody else, as far as that can be seen."""
    return code is not None and -code not in _FROM_OUTSIDE


class Mark:
    """Written by one process, read by another."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._number = 0

    @staticmethod
    def open(file: Path) -> "Mark":
        with file.open("r+b", buffering=0) as opened:
            return Mark(mmap.mmap(opened.fileno(), SIZE))

    @staticmethod
    def make(file: Path) -> "Mark":
        file.write_bytes(bytes(SIZE))
        return Mark.open(file)

    @staticmethod
    def shared() -> "Mark":
        """With processes that are forked from now on."""
        return Mark(mmap.mmap(-1, SIZE))

    def set(self, projection: str, user_id: str, events: Sequence[Recorded]) -> None:
        """These events of the member are folded from now on."""
        first = min([recorded.position for recorded in events])
        text = json.dumps([projection, user_id, first, len(events)], ensure_ascii=False).encode()
        self._number += 1
        self._memory[_HEAD.size : _HEAD.size + len(text)] = text
        _HEAD.pack_into(self._memory, 0, self._number, time.monotonic(), len(text))

    def clear(self) -> None:
        """Nothing of an author's is at work."""
        _HEAD.pack_into(self._memory, 0, 0, 0.0, 0)

    def read(self) -> Folding | None:
        """None while nothing of an author's is at work."""
        head = self._memory[: _HEAD.size]
        number, since, length = _HEAD.unpack(head)
        text = self._memory[_HEAD.size : _HEAD.size + length]
        if number == 0 or head != self._memory[: _HEAD.size]:
            return None
        try:
            projection, user_id, position, events = json.loads(text)
        except ValueError:
            # it was being written
            return None
        return Folding(projection, user_id, Position(position), events, since)
