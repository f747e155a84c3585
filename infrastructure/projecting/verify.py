"""Verify: the stored rows against the fold, at one position, in one snapshot."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from domain.catalogue import CATALOGUE, Catalogue
from domain.errors import UnknownName
from domain.position import Position
from infrastructure.database.connection import Database, Role
from infrastructure.database.statements import statement
from infrastructure.projecting.recount import recount, stored_counts
from infrastructure.projecting.transaction import PostgresTransaction, read_checkpoints
from infrastructure.projecting.walk import walk
from projections.checkpoint import Checkpoint
from projections.drift import Drift, member_drift, tally_drift
from projections.member_projection import MemberProjection
from projections.processor import NEEDS_REPLAY, Projection, may_fold
from projections.tally import Tally

MOST_LISTED: Final = 1_000
"""Differences kept in a report; all of them are counted."""

Progress = Callable[[int], None]
"""Told how many members, or events of a tally, are done."""


@dataclass
class Verified:
    """What a full verify of one projection found. `listed` holds at most the first thousand differences."""

    projection: str
    position: Position
    members: int = 0
    drifts: int = 0
    drifted_members: int = 0
    listed: list[Drift] = field(default_factory=list)
    parked: int = 0
    passed: int = 0
    in_log: int = 0
    unverified: str | None = None

    @property
    def miscounted(self) -> bool:
        """The projection passed another number of events than the log has: some were lost, or the log was altered."""
        return self.unverified is None and self.passed != self.in_log

    @property
    def ok(self) -> bool:
        return not self.drifts and not self.miscounted

    def found(self, drifts: list[Drift]) -> None:
        if drifts:
            self.drifts += len(drifts)
            self.drifted_members += 1
            self.listed += drifts[: MOST_LISTED - len(self.listed)]


def verify(
    database: Database,
    projection: Projection,
    *,
    catalogue: Catalogue = CATALOGUE,
    progress: Progress = lambda done: None,
) -> Verified:
    """Reads only, while everything else goes on."""
    with database.connect(Role.READ, application="temple verify", autocommit=False) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        checkpoint = read_checkpoints(connection).get(projection.name)
        if checkpoint is None:
            raise UnknownName("checkpoint of a projection", projection.name)
        verified = Verified(projection.name, checkpoint.position, passed=checkpoint.passed)
        if may_fold(projection, checkpoint) == NEEDS_REPLAY:
            verified.unverified = (
                f"its rows are of version {checkpoint.version}, this code has version {projection.version}; "
                f"run: temple replay {projection.name}"
            )
            return verified
        counted = connection.execute(statement("count_upto"), {"upto": checkpoint.position}).fetchone()
        verified.in_log = counted[0] if counted else 0
        exceptions = PostgresTransaction(connection).exceptions(projection.name)
        verified.parked = len(exceptions.parked)
        if isinstance(projection, Tally):
            _verify_tally(connection, projection, checkpoint, verified)
        else:
            _verify_members(connection, projection, checkpoint, exceptions.skipped, catalogue, verified, progress)
        return verified


def _verify_members(
    connection: psycopg.Connection[Any],
    projection: MemberProjection[Any],
    checkpoint: Checkpoint,
    skipped: frozenset[Position],
    catalogue: Catalogue,
    verified: Verified,
    progress: Progress,
) -> None:
    for member in walk(connection, projection, upto=checkpoint.position, skipped=skipped, catalogue=catalogue):
        folded = projection.rows(member.folded.state)
        if folded or member.stored.rows:
            verified.members += 1
            drifts = member_drift(projection.name, projection.tables, member.user_id, member.stored.rows, folded)
            verified.found(list(drifts))
        progress(verified.members)


def _verify_tally(
    connection: psycopg.Connection[Any], projection: Tally, checkpoint: Checkpoint, verified: Verified
) -> None:
    skipped = PostgresTransaction(connection).exceptions(projection.name).skipped
    folded = recount(connection, projection, upto=checkpoint.position, skipped=skipped)
    stored = stored_counts(connection, projection)
    verified.members = len(stored.keys() | folded.increments.keys())
    for drift in tally_drift(projection.name, projection.table, stored, folded.increments):
        verified.found([drift])
