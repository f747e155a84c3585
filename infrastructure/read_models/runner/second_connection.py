"""The connection on which a wide step reads the log by member while the first one writes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.read_models.member_stream import member_stream
from temple_ledger.projections.processor import TooWide
from temple_ledger.projections.projecting import ByMember, Wanted

MEMBERS_AT_A_TIME: Final = 2_000
EVENTS_AT_A_TIME: Final = 20_000
BYTES_AT_A_TIME: Final = 16_000_000

Connection = psycopg.Connection[Any]


class SecondConnection:
    """Opened when it is first wanted, and closed when nobody is far behind any more."""

    def __init__(self, open_: Callable[[], Connection]) -> None:
        self._open = open_
        self.connection: Connection | None = None

    def opened(self) -> Connection:
        if self.connection is None:
            self.connection = self._open()
            # most of what a wide step sorts
            set_for_session(self.connection, "work_mem", "128MB")
        return self.connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@contextmanager
def pieces_by_member(
    connection: Connection, wanted: Wanted, *, after: Position, upto: Position
) -> Iterator[Iterator[ByMember]]:
    """The events in (after, upto] that are wanted, some members at a time: bounded in members, events and bytes.

    The database sends the next piece while this one is worked on.
    """
    with closing(member_stream(connection, wanted, after=after, upto=upto)) as members:
        yield _pieces(members)


def _pieces(members: Iterator[tuple[str, list[Recorded] | None]]) -> Iterator[ByMember]:
    piece: dict[str, Sequence[Recorded]] = {}
    events = size = 0
    for user_id, found in members:
        if found is None:
            raise TooWide(f"{user_id} has more events than a step holds in memory")
        piece[user_id] = found
        events += len(found)
        size += sum([len(recorded[6]) for recorded in found if recorded[6] is not None])
        if events >= EVENTS_AT_A_TIME or len(piece) >= MEMBERS_AT_A_TIME or size >= BYTES_AT_A_TIME:
            yield piece
            piece, events, size = {}, 0, 0
    if piece:
        yield piece
