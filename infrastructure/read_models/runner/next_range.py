"""The events of the next wide step, asked for while this one is still folded, written and committed.

An event is changed by an erasure alone, which holds every checkpoint and raises its epoch. So what was asked for under
the lock of some checkpoints is what the next step of them would ask for, as long as their epochs are the same.
"""

from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.abort import cut
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.member_stream import member_stream
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.projecting import Wanted

Connection = psycopg.Connection[Any]
Member = tuple[str, list[Recorded] | None]
Standing = Mapping[ProjectionKey, int]
"""The epochs of the checkpoints that a step holds."""


class Asked(NamedTuple):
    wanted: Wanted
    after: Position
    standing: Standing


class Found(NamedTuple):
    """So many events stand in it, up to there. The first member is read; the database has sorted all of them, and
    waits with the others."""

    passed: int
    upto: Position
    first: list[Member]
    others: Generator[Member, None, None]


class NextRange:
    """At most one, on a connection that does nothing else."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._begun: tuple[Asked, Connection, Future[Found]] | None = None

    def begin(self, connection: Connection, asked: Asked, *, upto: Position, limit: int) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="next range")
        self._begun = asked, connection, self._thread.submit(_find, connection, asked, upto, limit)

    @property
    def asked(self) -> Asked | None:
        return None if self._begun is None else self._begun[0]

    def passed(self, after: Position, standing: Standing, *, most: int) -> tuple[int, Position] | None:
        """How many events it has, and where it ends; None if none was begun there, or one of more than *most*."""
        if self._begun is None:
            return None
        asked, _, finding = self._begun
        if (asked.after, asked.standing) != (after, standing) or finding.result().passed > most:
            return None
        return finding.result()[:2]

    def take(self, asked: Asked, upto: Position) -> Found | None:
        """None if it is another one."""
        if self._begun is None or self._begun[0] != asked or self._begun[2].result().upto != upto:
            return None
        found = self._begun[2].result()
        self._begun = None
        return found

    def drop(self) -> None:
        """With its connection."""
        if self._begun is None:
            return
        _, connection, finding = self._begun
        self._begun = None
        if not finding.done():
            # closed under the hands of the thread it would take the process down
            cut(connection)
        with suppress(psycopg.Error):
            finding.result().others.close()
        connection.close()

    def close(self) -> None:
        self.drop()
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None


def passed(connection: Connection, *, after: Position, upto: Position, limit: int) -> tuple[int, Position]:
    """How many events stand in (after, upto], of at most so many, and the position of the last of these."""
    values = {"after": after, "upto": upto, "limit": limit}
    ((events, to),) = connection.execute(statement("log_passed"), values).fetchall()
    return events, Position(to)


def _find(connection: Connection, asked: Asked, upto: Position, limit: int) -> Found:
    events, to = passed(connection, after=asked.after, upto=upto, limit=limit)
    members = member_stream(connection, asked.wanted, after=asked.after, upto=to)
    return Found(events, to, list(islice(members, 1)), members)
