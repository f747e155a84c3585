"""The verify that a schedule runs: members touched since the last one or found drifted by it, and a rolling share
of all others."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import START, Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.database.read_ahead import read_ahead
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.table_queries import other_members, sum_of_counts
from temple_ledger.infrastructure.read_models.gc_tuning import rare_collections
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_log.fold_members import fold_histories, histories, members_touched
from temple_ledger.infrastructure.read_models.member_log.walk import Snapshot
from temple_ledger.infrastructure.read_models.member_stream import MOST_BYTES, MOST_EVENTS
from temple_ledger.infrastructure.read_models.runner.transaction import Connection
from temple_ledger.infrastructure.read_models.verification.full import (
    ahead_of_log,
    checkpoint_of,
    verify_counts,
    verify_rollups,
)
from temple_ledger.infrastructure.read_models.verification.result import Kind, Verified
from temple_ledger.projections.drift import member_drift
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import bounded
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.standing import why_not
from temple_ledger.projections.tables import Rows
from temple_ledger.projections.tally import Tally

MEMBERS_AT_A_TIME: Final = 100
"""Of whom three pages are in memory: two are read while one is compared."""
DEFAULT_BUDGET_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Round:
    """How far the rolling share is: members up to `next_user` were compared since `began_at`.

    `completed_at` is when everybody had been compared once; None when that never happened.
    """

    projection: str
    version: int
    verified_position: Position = START
    next_user: str | None = None
    began_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True)
class SinceLast:
    """`round` is what the next one goes on from; `completed` says that this one came round."""

    verified: Verified
    round: Round
    completed: bool


def verify_since_last(
    snapshot: Snapshot,
    projection: Projection,
    *,
    catalogue: Catalogue,
    budget_seconds: float = DEFAULT_BUDGET_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> SinceLast:
    """All touched members, however long that takes, then others until *budget_seconds* are over.

    Reads only. The touched ones are read over both connections at once: finding their events takes the database longer
    than folding them takes here.
    """
    connection = snapshot.tables
    deadline = clock() + budget_seconds
    checkpoint = checkpoint_of(connection, projection, catalogue)
    projection = placed(projection, checkpoint)
    last = read_round(connection, projection.key)
    verified = Verified(*projection.key, checkpoint.position, Kind.SINCE_LAST, passed=checkpoint.passed)
    verified.unverified = why_not(projection, checkpoint, catalogue)
    if verified.unverified is not None:
        return SinceLast(verified, last, False)
    exceptions = read_exceptions(connection, projection.key)
    verified.parked = len(exceptions.parked_positions)
    verified.ahead = ahead_of_log(connection, checkpoint)
    still_open = _still_open(connection, projection.key)
    if isinstance(projection, Tally):
        if still_open or sum_of_counts(connection, projection.table) != checkpoint.counted:
            verify_counts(connection, projection, checkpoint, exceptions.uncounted, verified, catalogue)
        return SinceLast(verified, Round(*projection.key, checkpoint.position), True)
    verify_rollups(connection, projection, verified)
    drifted = [user_id for user_id in still_open if user_id is not None]
    touched = sorted({*members_touched(connection, last.verified_position, checkpoint.furthest), *drifted})
    parked = bounded(exceptions.parked, checkpoint)
    looking = _Looking(connection, Fold(projection, catalogue), checkpoint.furthest, parked, verified)
    with rare_collections():
        readers = [partial(looking.read, each) for each in snapshot]
        for page, found in read_ahead(in_pages(touched, MEMBERS_AT_A_TIME), *readers):
            looking.compare(page, found)
        # of those whom events have touched, some may have no rows, and nothing to compare
        verified.touched = verified.members
        looked_at = frozenset(touched)
        next_user = last.next_user
        for page in _others(connection, projection, next_user):
            if clock() >= deadline:
                return _so_far(verified, last, next_user)
            others = [user_id for user_id in page if user_id not in looked_at]
            looking.compare(others, looking.read(connection, others))
            next_user = page[-1]
    if verified.unlisted:
        return _so_far(verified, last, last.next_user)
    return SinceLast(verified, Round(*projection.key, checkpoint.position), True)


def _so_far(verified: Verified, last: Round, next_user: str | None) -> SinceLast:
    """What differs and is not listed would not be looked at again: then the next one begins where this one did."""
    if verified.unlisted:
        return SinceLast(
            verified, Round(verified.projection, verified.version, last.verified_position, last.next_user), False
        )
    return SinceLast(verified, Round(verified.projection, verified.version, verified.position, next_user), False)


class _Found(NamedTuple):
    """Of some members: the rows that are stored, and the events that they should come of."""

    stored: Mapping[str, Rows]
    histories: Sequence[tuple[str, Sequence[Recorded] | None]]


@dataclass(frozen=True)
class _Looking:
    """Compares stored rows with the fold of the events up to *position*, or to before a member was parked."""

    connection: Connection
    fold: Fold[Any]
    position: Position
    parked: Mapping[str, Position]
    verified: Verified

    def read(self, connection: Connection, user_ids: Sequence[str]) -> _Found:
        return _Found(
            tables.rows_of_members(connection, self.fold.projection.tables, user_ids),
            _few(histories(connection, self.fold, user_ids, self.position)),
        )

    def compare(self, user_ids: Sequence[str], found: _Found) -> None:
        projection = self.fold.projection
        for user_id, folded, _ in fold_histories(
            self.connection, self.fold, found.histories, self.position, self.parked
        ):
            stored = found.stored[user_id]
            if folded.rows or stored:
                self.verified.members += 1
                drifts = member_drift(projection.name, projection.tables, user_id, stored, folded.rows)
                self.verified.found(list(drifts))


def _few(
    found: Iterable[tuple[str, Sequence[Recorded] | None]],
) -> Sequence[tuple[str, Sequence[Recorded] | None]]:
    """As many histories as fit into memory at once; the others are read again, in pages, when their turn comes."""
    room = MOST_EVENTS
    size = MOST_BYTES
    read: list[tuple[str, Sequence[Recorded] | None]] = []
    for user_id, events in found:
        if events is not None:
            room -= len(events)
            size -= sum(len(each.metadata_text) for each in events if each.metadata_text is not None)
        read.append((user_id, events if room >= 0 and size >= 0 else None))
    return read


def read_round(connection: Connection, key: ProjectionKey) -> Round:
    row = connection.execute(statement("verification_round_read"), key.parameters).fetchone()
    return Round(*key) if row is None else Round(*key, Position(row[0]), *row[1:])


def _others(connection: Connection, projection: MemberProjection[Any], after: str | None) -> Iterator[list[str]]:
    """Members after this one, by user_id: those of the log, and those that only a table has."""
    query = other_members(projection.tables)
    after = after or ""
    while True:
        found = connection.execute(query, {"after": after, "limit": MEMBERS_AT_A_TIME}).fetchall()
        if not found:
            return
        page = [user_id for (user_id,) in found]
        yield page
        after = page[-1]


def _still_open(connection: Connection, key: ProjectionKey) -> list[str | None]:
    """Who drifted; None for what is nobody's: a count, a key of a rollup."""
    found = connection.execute(statement("verification_still_open"), key.parameters)
    return [user_id for (user_id,) in found]
