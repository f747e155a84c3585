"""The one writer of frames: into the inbox, in gateway order, a commit for each round."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import psycopg
import structlog

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, in_words
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.sources.discord.frame_buffer import FrameBuffer
from temple_ledger.infrastructure.sources.discord.sessions import STOPPED, end_sessions, note_sessions

ROUND: Final = 1_000
"""Frames committed together at most: while one round is on its way to the disk, the next one gathers."""

PATIENCE_SECONDS: Final = 2.0
END_SECONDS: Final = 10.0

log = structlog.get_logger("temple.discord")


class FrameWriter(threading.Thread):
    """Stores what waits until it has ended, also while the database is away: then frames wait in memory.

    A feed begins with a session, and again when the guild is back after an outage: what was in between is not sent.
    *before_begin* is called before the first frame of it is stored, *begun* once it is, *stored* after each round.
    """

    def __init__(
        self,
        database: Database,
        frames: FrameBuffer,
        *,
        before_begin: Callable[[], None],
        begun: Callable[[], None],
        stored: Callable[[int], None],
    ) -> None:
        super().__init__(name="discord frames", daemon=True)
        self._patient = RetryingConnection(
            database, DatabaseRole.APPEND, application="temple discord listen", patience_seconds=PATIENCE_SECONDS
        )
        self._frames = frames
        self._before_begin = before_begin
        self._begun = begun
        self._store_round = stored
        self._give_up_at: float | None = None
        self._outage = False
        self.count = 0
        self.lost = 0

    def run(self) -> None:
        while frames := self._frames.next_frames(ROUND):
            for begins, round_ in self._rounds(frames):
                self._store(round_, begins=begins)
        self._end_sessions()
        self._patient.close()

    @property
    def done(self) -> int:
        """How many frames it is done with: stored, or lost."""
        return self.count + self.lost

    def finish(self) -> None:
        """Stores what waits, for some seconds at most; `lost` frames could not be stored by then."""
        self._give_up_at = time.monotonic() + END_SECONDS
        self._frames.end()
        self.join(END_SECONDS + PATIENCE_SECONDS + 1)

    def _rounds(self, frames: Sequence[Delivery]) -> Iterator[tuple[bool, Sequence[Delivery]]]:
        """A begin begins a round."""
        start, began = 0, False
        for index, delivery in enumerate(frames):
            if not self._begins(delivery):
                continue
            if index > start:
                yield began, frames[start:index]
            start, began = index, True
        yield began, frames[start:]

    def _begins(self, delivery: Delivery) -> bool:
        if delivery.kind == "GUILD_DELETE":
            self._outage = True
        back = delivery.kind == "GUILD_CREATE" and self._outage
        if back or delivery.kind == "READY":
            self._outage = False
            return True
        return False

    def _store(self, round_: Sequence[Delivery], *, begins: bool) -> None:
        if begins:
            self._before_begin()
        stored = self._stored(round_)
        self.count += stored
        self.lost += len(round_) - stored
        if not stored:
            return
        self._store_round(stored)
        if begins:
            self._begun()

    def _stored(self, round_: Sequence[Delivery]) -> int:
        """How many of them. One that the database refuses for what is in it goes, and holds up no other."""
        attempt = 0
        while True:
            try:
                self._patient.run("keeping frames", lambda connection: _store_round(connection, round_))
                return len(round_)
            except DatabaseUnavailable as error:
                if isinstance(error.__cause__, psycopg.DataError):
                    return self._stored_apart(round_, error.__cause__)
                attempt += 1
                log.warning("frames wait in memory", waiting=len(self._frames), reason=str(error), attempt=attempt)
                if self._give_up_at is not None and time.monotonic() > self._give_up_at:
                    return 0

    def _stored_apart(self, round_: Sequence[Delivery], error: psycopg.DataError) -> int:
        if len(round_) == 1:
            log.error("a frame cannot be stored", kind=round_[0].kind, reason=in_words(error))
            return 0
        half = len(round_) // 2
        return self._stored(round_[:half]) + self._stored(round_[half:])

    def _end_sessions(self) -> None:
        try:
            self._patient.run("ending the session", lambda connection: end_sessions(connection, STOPPED))
        except DatabaseUnavailable as error:
            log.warning("the end of the session is not noted", reason=str(error))


def _store_round(connection: psycopg.Connection[Any], round_: Sequence[Delivery]) -> None:
    with connection.transaction():
        store(connection, round_)
        note_sessions(connection, round_)
