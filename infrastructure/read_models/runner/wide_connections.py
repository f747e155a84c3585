"""The connections on which a wide step reads while the first one writes."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.database.read_ahead import next_ahead
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.member_stream import bytes_of_payloads, member_stream
from temple_ledger.projections.grouped import ByMember
from temple_ledger.projections.processor import TooWide
from temple_ledger.projections.projecting import EVERYBODY, Among, Wanted

MEMBERS_AT_A_TIME: Final = 500
EVENTS_AT_A_TIME: Final = 4_000
"""Of a piece, of which some three are in memory: with more events a member, no more of them."""
SAMPLED: Final = 1_000
"""Events that are looked at to divide the members of a step."""
BYTES_AT_A_TIME: Final = 8_000_000
"""Of a piece; two are in memory."""
LOCK_MILLISECONDS: Final = 500
"""For whom a runner waits. Longer would be for ever: whoever waits for the step holds up what the step reads next on
another connection, and the database sees no deadlock in that."""

Connection = psycopg.Connection[Any]


class WideConnections:
    """One reads the log by member, one the rows as they are, and one renews leases.

    Opened when they are first wanted, and closed when nobody is far behind any more.
    """

    def __init__(self, open_: Callable[[DatabaseRole], Connection]) -> None:
        self._open = open_
        self._log: Connection | None = None
        self._rows: Connection | None = None
        self._lease: Connection | None = None

    def log(self) -> Connection:
        if self._log is None:
            self._log = self._opened(DatabaseRole.READ)
            # most of what a wide step sorts
            set_for_session(self._log, "work_mem", "128MB")
        return self._log

    def rows(self) -> Connection:
        if self._rows is None:
            self._rows = self._opened(DatabaseRole.READ)
        return self._rows

    def lease(self) -> Connection:
        if self._lease is None:
            self._lease = self._opened(DatabaseRole.PROJECT)
        return self._lease

    def _opened(self, role: DatabaseRole) -> Connection:
        connection = self._open(role)
        wait_for_nobody(connection)
        return connection

    @property
    def opened(self) -> Sequence[Connection]:
        return [each for each in (self._log, self._rows, self._lease) if each is not None]

    def close(self) -> None:
        for connection in self.opened:
            connection.close()
        self._log = self._rows = self._lease = None


def wait_for_nobody(connection: Connection) -> None:
    """For long: what is held raises LockNotAvailable."""
    set_for_session(connection, "lock_timeout", f"{LOCK_MILLISECONDS}ms")


@contextmanager
def pieces_by_member(
    connection: Connection,
    wanted: Wanted,
    *,
    after: Position,
    upto: Position,
    lanes: Sequence[int] = (),
    among: Iterable[Among] = (EVERYBODY,),
) -> Iterator[Iterator[ByMember]]:
    """The events in (after, upto] that are wanted, some members at a time: bounded in members, events and bytes.

    The next piece is read while this one is worked on: between two reads, a socket holds no more of what the database
    sends than some thousand events.
    """

    def found() -> Generator[ByMember, None, None]:
        for part in among:
            stream = member_stream(
                connection, wanted, after=after, upto=upto, after_user=part.after, upto_user=part.upto, lanes=lanes
            )
            with closing(stream) as members:
                yield from _pieces(members)

    with closing(found()) as read, closing(next_ahead(read)) as pieces:
        yield pieces


def passed(connection: Connection, after: Position, upto: Position, limit: int) -> tuple[int, Position]:
    values = {"after": after, "upto": upto, "limit": limit}
    ((events, to),) = connection.execute(statement("log_passed"), values).fetchall()
    return events, Position(to)


def divided(connection: Connection, parts: int, after: Position, upto: Position) -> Sequence[Among]:
    """The members with events in (after, upto], in about so many parts of about as many events each."""
    shares = [number / parts for number in range(1, parts)]
    values = {"after": after, "upto": upto, "every": max(1, (upto - after) // SAMPLED), "shares": shares}
    ((bounds,),) = connection.execute(statement("step_divide"), values).fetchall()
    ends = list(dict.fromkeys(bounds or ()))
    return [Among(*each) for each in zip([None, *ends], [*ends, None], strict=True)]


def _pieces(members: Iterator[tuple[str, list[Recorded] | None]]) -> Iterator[ByMember]:
    piece = ByMember()
    events = size = 0
    for user_id, found in members:
        if found is None:
            raise TooWide(f"{user_id} has more events than a step holds in memory")
        piece[user_id] = found
        events += len(found)
        size += bytes_of_payloads(found)
        if events >= EVENTS_AT_A_TIME or len(piece) >= MEMBERS_AT_A_TIME or size >= BYTES_AT_A_TIME:
            yield piece
            piece, events, size = ByMember(), 0, 0
    if piece:
        yield piece
