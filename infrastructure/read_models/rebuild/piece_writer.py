"""What was folded of a range, written with the mark of how far the range is: here, or by the process that drives."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.shadow_tables import shadow_of
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.rebuild.folded_chunk import ChunkText, FoldedChunk
from temple_ledger.infrastructure.read_models.rebuild.progress import Range
from temple_ledger.infrastructure.read_models.rebuild.shadow_rows import put_failures
from temple_ledger.projections.counting import TallyBatch
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tally import Tally

Connection = psycopg.Connection[Any]
Piece: TypeAlias = FoldedChunk | ChunkText | TallyBatch


class Reached(NamedTuple):
    """How far a range is with a piece: a member of it, or of a tally a position; None where it stays."""

    done: bool
    events: int
    user: str | None = None
    position: Position | None = None


class PieceWriter(Protocol):
    def put(self, part: Range, folded: Piece, reached: Reached) -> None:
        """Raises Refused when another process has taken over."""


class ShadowWriter:
    """Into the shadow tables; rows and how far the range is move in one transaction, so it may end anywhere.

    *claimed_by* is the database's process that holds the claim.
    """

    def __init__(self, connection: Connection, projection: Projection, claimed_by: int) -> None:
        self._connection = connection
        self._projection = projection
        self._marks = Marks(connection, projection.key, claimed_by)

    def put(self, part: Range, folded: Piece, reached: Reached) -> None:
        with self._connection.transaction():
            if isinstance(self._projection, Tally):
                if isinstance(folded, TallyBatch):
                    put_counts(self._connection, self._projection, folded)
                    self._marks.move(part, reached, counted=folded.counted)
            elif not isinstance(folded, TallyBatch):
                folded.put(self._connection, self._projection)
                self._marks.move(part, reached, members=folded.members, counted=folded.there)


class HandedOver(NamedTuple):
    """What a worker sends to the process that writes."""

    part: Range
    text: ChunkText
    reached: Reached


class HandingOver:
    """To the process that drives, which writes: the text is made here, where it is not made yet."""

    def __init__(self, send: Callable[[HandedOver], None], projection: MemberProjection[Any]) -> None:
        self._send = send
        self._projection = projection

    def put(self, part: Range, folded: Piece, reached: Reached) -> None:
        if isinstance(folded, FoldedChunk):
            folded = folded.as_text(self._projection)
        if isinstance(folded, ChunkText):
            self._send(HandedOver(part, folded, reached))


class LiveWriter:
    """Into the tables that are read, within a transaction that somebody else opened, and that puts all in place."""

    def __init__(self, connection: Connection, projection: MemberProjection[Any], claimed_by: int) -> None:
        self._connection = connection
        self._projection = projection
        self._marks = Marks(connection, projection.key, claimed_by)

    def put(self, piece: HandedOver) -> None:
        part, text, reached = piece
        text.put(self._connection, self._projection, live=True)
        self._marks.move(part, reached, members=text.members, counted=text.there)


class Marks:
    """How far ranges are brought here. Whoever moves one from elsewhere has taken over, and this one ends."""

    def __init__(self, connection: Connection, key: ProjectionKey, claimed_by: int) -> None:
        self._connection = connection
        self._key = key
        self._claimed_by = claimed_by
        self._reached: dict[int, tuple[str | None, Position]] = {}

    def move(self, part: Range, reached: Reached, *, members: int = 0, counted: int = 0) -> None:
        """Raises Refused when another worker has moved it."""
        before = self._reached.get(part.number, (part.done_user, part.done_position))
        user = before[0] if reached.user is None else reached.user
        position = before[1] if reached.position is None else reached.position
        moved = self._connection.execute(
            statement("rebuild_range_advance"),
            {
                **self._key.parameters,
                "claimed_by": self._claimed_by,
                "number": part.number,
                "before_user": before[0],
                "before_position": before[1],
                "done_user": user,
                "done_position": position,
                "done": reached.done,
                "members": members,
                "events": reached.events,
                "counted": counted,
            },
        ).fetchone()
        if moved is None:
            raise Refused(f"another replay of {self._key.name} has taken over; this one ends")
        self._reached[part.number] = user, position


def put_counts(connection: Connection, tally: Tally, batch: TallyBatch) -> None:
    tables.add(connection, shadow_of(tally.table), batch.increments)
    put_failures(connection, tally.key, batch.failures)
