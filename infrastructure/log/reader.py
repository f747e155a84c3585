"""Reading the log without losing what is committed late.

A position is given when a row is inserted, and seen when its transaction commits; so a greater one can be seen first,
and `id > last` would pass over the smaller one for ever. The reader proves of each missing position that nobody can
fill it any more, before it lets anybody pass.

Why the proof is exact:

1. An id comes from the sequence while its transaction holds ROW EXCLUSIVE on the table: INSERT and COPY lock it before
   they draw, also under a stronger lock of the same transaction and with a cached plan, and keep it until the
   transaction ends. Nobody may draw by hand, and the sequence hands out numbers in order (`safety` checks both). So
   once *head* is visible, every id up to it is drawn, and whoever drew one and has not ended holds that lock.
2. Three statements, each with a snapshot of its own, in this order: read the head; note who holds the lock; later,
   once none of the noted ones holds it, read again. A transaction leaves the list of the running ones before it gives
   its locks back: whoever is not listed any more is visible to every snapshot taken afterwards, or never will be.
   The same order in one statement proves nothing, because its snapshot is older than its view of the locks.
3. Every id up to *head* is covered at once: one proof decides all gaps.
4. ROLLBACK TO SAVEPOINT gives the lock back, and takes the rows with it. A lock that moves from a backend's own slots
   ("fast path") to the shared table is not missed: pg_locks reads the slots first, and locks never move back.
   A prepared transaction keeps its virtualtransaction, without a pid; it would only change in a restart, which ends
   our connection, and with it what was noted. pids are not noted: a backend goes on to its next transaction.
   No plan inserts in parallel workers; a worker that held the lock would make us wait longer, never shorter.
5. A transaction that is about to give back its locks is listed as "3/0": taken for one more writer, it makes us wait
   for the next look, or is gone by then.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from temple_ledger.domain.position import START, Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.safety import require_primary

PAGE: Final = 20_000
PAGE_BYTES: Final = 32_000_000
"""Of payloads in one page of events."""


@dataclass(frozen=True)
class Blocker:
    """A transaction that may still fill a gap: `pid`, or `gid` where it is a prepared one.

    `since` is when it began or was prepared; None where this role may not see it, or it has just ended.
    """

    virtualtransaction: str
    pid: int | None = None
    gid: str | None = None
    since: datetime | None = None

    def __str__(self) -> str:
        if self.gid is not None:
            return f"prepared transaction {self.gid!r}"
        return f"transaction {self.virtualtransaction}" if self.pid is None else f"pid {self.pid}"


@dataclass(frozen=True)
class Look:
    """What one look at the log has shown.

    Every position up to `settled` is decided: visible to any snapshot taken from now on, or never to be. `head` is
    the greatest position seen. `blocked_by` is empty unless an undecided gap follows `settled`; `blocked_since` is
    when that gap was first seen, on the monotonic clock.
    """

    settled: Position
    head: Position
    blocked_by: tuple[Blocker, ...] = ()
    blocked_since: float | None = None


@dataclass(frozen=True)
class _Proof:
    """Everything up to `head` is decided once none of `waiting` holds the lock."""

    head: Position
    waiting: frozenset[str]


class GapReader:
    """Tells how far the log is settled, one look at a time; never waits, and holds nothing between looks.

    What it remembers holds for this connection only: a lost one takes a new GapReader.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, page: int = PAGE) -> None:
        """*connection* is in autocommit; *page* is how many positions a look counts at most."""
        if not connection.autocommit:
            raise ValueError("the reader needs a snapshot for each statement: open its connection in autocommit")
        self._connection = connection
        self._page = page
        self._known_from = START
        self._settled = START
        self._head = START
        self._proof: _Proof | None = None
        self._shows_writers = False
        self._gap: tuple[Position, float] | None = None

    def look(self, after: Position) -> Look:
        """How far the log is settled beyond *after*, as far as can be told at once.

        With nothing new, this is one probe of an index; what an earlier look has settled is not counted again.
        Raises psycopg.Error.
        """
        if self._connection.info.transaction_status is not TransactionStatus.IDLE:
            raise ValueError("the reader needs a snapshot for each statement: end the transaction first")
        if not self._known_from <= after <= self._settled:
            self._known_from = self._settled = after
        blockers: tuple[Blocker, ...] = ()
        if self._proof is not None:
            blockers = self._still_waiting(self._proof)
        self._head = self._visible_head()
        blockers = self._pass_what_is_there(blockers) if self._head > self._settled else ()
        if self._proof is not None and self._proof.head <= self._settled:
            # its gaps were filled before it was complete
            self._proof = None
        return Look(self._settled, max(self._head, self._settled), blockers, self._blocked_since(bool(blockers)))

    def _still_waiting(self, proof: _Proof) -> tuple[Blocker, ...]:
        """Those that keep *proof* from being complete; when there are none, it is, and everything it covers settled."""
        left = tuple(writer for writer in self._writers() if writer.virtualtransaction in proof.waiting)
        if not left:
            self._complete(proof.head)
        return left

    def _pass_what_is_there(self, blockers: tuple[Blocker, ...]) -> tuple[Blocker, ...]:
        """Settles positions without a gap; at a gap notes who may fill it, unless those are noted already."""
        upto = Position(min(self._head, self._settled + self._page))
        writers: tuple[Blocker, ...] | None = None
        if upto < self._head and self._proof is None:
            # far behind: where nobody is writing, one question does instead of counting page by page
            writers = self._writers()
            if not writers:
                self._complete(self._head)
                return ()
        if self._number("log_count", after=self._settled, upto=upto) == upto - self._settled:
            self._settled = upto
            return ()
        if self._proof is None:
            blockers = self._writers() if writers is None else writers
            if not blockers:
                self._complete(self._head)
                return ()
            self._proof = _Proof(self._head, frozenset(blocker.virtualtransaction for blocker in blockers))
        self._settled = Position(self._number("log_contiguous", after=self._settled, upto=upto))
        return blockers if self._settled < upto else ()

    def _complete(self, head: Position) -> None:
        """Nobody can fill any gap up to *head*, wherever we began to read."""
        self._proof = None
        if head >= self._known_from:
            self._known_from, self._settled = START, max(self._settled, head)

    def _blocked_since(self, blocked: bool) -> float | None:
        if not blocked:
            self._gap = None
            return None
        if self._gap is None or self._gap[0] != self._settled:
            self._gap = (self._settled, time.monotonic())
        return self._gap[1]

    def _visible_head(self) -> Position:
        return Position(self._number("log_head"))

    def _writers(self) -> tuple[Blocker, ...]:
        """Raises UnsafeLog on a standby, which shows none of them."""
        if not self._shows_writers:
            require_primary(self._connection)
            self._shows_writers = True
        return tuple(starmap(Blocker, self._connection.execute(statement("log_writers"))))

    def _number(self, name: str, **values: int) -> int:
        row: TupleRow | None = self._connection.execute(statement(name), values, prepare=True).fetchone()
        return 0 if row is None else int(row[0])


def events(
    connection: psycopg.Connection[Any], after: Position, upto: Position, limit: int, *, payloads: bool = True
) -> list[Recorded]:
    """The events in (*after*, *upto*], by position, at most *limit*; without event_id and recorded_at, and without
    metadata where no *payloads* are wanted.

    Fewer where their payloads are large, and none only where there is none: memory has a bound in bytes.
    Reads what is visible: only up to a settled position is it all that will ever be there. Raises psycopg.Error.
    """
    values = {"after": after, "upto": upto, "limit": limit, "bytes": PAGE_BYTES, "payloads": payloads}
    return _recorded(connection, "log_events", values)


def events_of_lanes(
    connection: psycopg.Connection[Any], after: Position, upto: Position, limit: int, lanes: Sequence[int]
) -> list[Recorded]:
    """The same of the members of these lanes."""
    values = {"after": after, "upto": upto, "limit": limit, "lanes": list(lanes)}
    found = connection.execute(statement("log_positions_of_lanes"), values, prepare=True).fetchall()
    positions = [position for (position,) in found]
    return _recorded(connection, "log_events_at", {"positions": positions, "bytes": PAGE_BYTES}) if positions else []


def events_at(connection: psycopg.Connection[Any], positions: PositionSet, limit: int) -> Iterator[list[Recorded]]:
    """The events at these positions, a page at a time; as `events`, in as few statements."""
    left = positions
    while left:
        some = left.first(limit)
        page = _recorded(connection, "log_events_at", {"positions": list(some), "bytes": PAGE_BYTES})
        if page:
            yield page
        # fewer where their payloads are large; none where there are no such positions
        left -= PositionSet([(START, page[-1].position)]) if page else some


def member_events(
    connection: psycopg.Connection[Any],
    user_ids: Iterable[str],
    upto: Position,
    until: datetime | None = None,
    recorded_until: datetime | None = None,
) -> list[Recorded]:
    """All events of these members up to a position, ordered by (user_id, timestamp, position), as they fold.

    With *until*, those that had occurred by then; with *recorded_until*, those that the log had taken by then.
    Raises psycopg.Error.
    """
    values = {"user_ids": list(set(user_ids)), "upto": upto, "until": until, "recorded_until": recorded_until}
    return _recorded(connection, "log_member_events", values)


def _recorded(connection: psycopg.Connection[Any], name: str, values: dict[str, Any]) -> list[Recorded]:
    # binary: no text is made of numbers and times on one side and parsed on the other
    cursor = connection.cursor(binary=True)
    rows = cursor.execute(statement(name), values, prepare=True).fetchall()
    # not through the class, whose own function would run for each row
    return [_new(Recorded, row + _NOT_ASKED_FOR) for row in rows]


_new: Final[Any] = tuple.__new__
_NOT_ASKED_FOR: Final = (None, None)
"""event_id and recorded_at."""
