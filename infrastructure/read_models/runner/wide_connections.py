"""The connections on which a wide step reads while the first one writes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from typing import Any, Final

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.read_models.member_stream import member_stream
from temple_ledger.infrastructure.read_models.runner.next_range import Asked, Member, NextRange, Standing
from temple_ledger.projections.grouped import ByMember
from temple_ledger.projections.processor import TooWide
from temple_ledger.projections.projecting import Wanted

MEMBERS_AT_A_TIME: Final = 2_000
EVENTS_AT_A_TIME: Final = 20_000
BYTES_AT_A_TIME: Final = 16_000_000

Connection = psycopg.Connection[Any]


class WideConnections:
    """One reads the log by member, one the rows as they are, and one the log of the next step.

    Opened when they are first wanted, and closed when nobody is far behind any more.
    """

    def __init__(self, open_: Callable[[], Connection]) -> None:
        self._open = open_
        self._log: Connection | None = None
        self._spare: Connection | None = None
        self._rows: Connection | None = None
        self._next = NextRange()
        self.next_width: Callable[[int, Position], int] = _nothing
        """How many events the next step may have, which begins there, when this one has read so many; 0: nothing is
        begun."""

    def log(self) -> Connection:
        if self._log is None:
            self._log = self._open_for_log()
        return self._log

    def rows(self) -> Connection:
        if self._rows is None:
            self._rows = self._open()
        return self._rows

    @property
    def opened(self) -> Sequence[Connection]:
        return [each for each in (self._log, self._rows, self._spare) if each is not None]

    def close(self) -> None:
        self._next.close()
        for connection in self.opened:
            connection.close()
        self._log = self._rows = self._spare = None

    @contextmanager
    def pieces(
        self, wanted: Wanted, standing: Standing, *, after: Position, upto: Position, lanes: Sequence[int] = ()
    ) -> Iterator[Iterator[ByMember]]:
        """The events in (after, upto] that are wanted, some members at a time: bounded in members, events and bytes.

        The database sends the next piece while this one is worked on.
        """
        begun = None if lanes else self._next.take(Asked(wanted, after, standing), upto)
        if begun is None:
            first: list[Member] = []
            members = member_stream(self.log(), wanted, after=after, upto=upto, lanes=lanes)
        else:
            self._log, self._spare = self._spare, self._log
            first, members = begun.first, begun.others
        with closing(members):
            yield _pieces(chain(first, members))

    def begin_next(
        self, wanted: Wanted, standing: Standing, *, events_read: int, after: Position, upto: Position
    ) -> None:
        """Asks for the events of the next step, unless that was done."""
        asked = Asked(wanted, after, standing)
        if self._next.asked == asked or (limit := self.next_width(events_read, after)) <= 0:
            return
        if self._next.asked is not None:
            self._next.drop()
            self._spare = None
        if self._spare is None:
            self._spare = self._open_for_log()
        self._next.begin(self._spare, asked, upto=upto, limit=limit)

    def passed(self, standing: Standing, *, after: Position, limit: int) -> tuple[int, Position] | None:
        """Of that range, where it was begun: it may be a little wider than *limit*, since its width was guessed."""
        return self._next.passed(after, standing, most=limit + limit // 4)

    def _open_for_log(self) -> Connection:
        connection = self._open()
        # most of what a wide step sorts
        set_for_session(connection, "work_mem", "128MB")
        return connection


def _nothing(_: int, __: Position) -> int:
    return 0


def _pieces(members: Iterable[tuple[str, list[Recorded] | None]]) -> Iterator[ByMember]:
    piece = ByMember()
    events = size = 0
    for user_id, found in members:
        if found is None:
            raise TooWide(f"{user_id} has more events than a step holds in memory")
        piece[user_id] = found
        events += len(found)
        size += sum([len(recorded[6]) for recorded in found if recorded[6] is not None])
        if events >= EVENTS_AT_A_TIME or len(piece) >= MEMBERS_AT_A_TIME or size >= BYTES_AT_A_TIME:
            yield piece
            piece, events, size = ByMember(), 0, 0
    if piece:
        yield piece
