"""The full verify: every stored row against the fold, at one position, in one snapshot."""

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, Protocol

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.declared_tables import require_tables
from temple_ledger.infrastructure.database.rollups import rollup_drift, stored_rollups
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.table_queries import stored_counts
from temple_ledger.infrastructure.read_models.gc_tuning import rare_collections
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_log.recount import recount
from temple_ledger.infrastructure.read_models.member_log.walk import Snapshot, one_snapshot, snapshot_connection, walk
from temple_ledger.infrastructure.read_models.runner.transaction import (
    Connection,
    missing_checkpoint,
    read_checkpoints,
)
from temple_ledger.infrastructure.read_models.verification.result import Verified
from temple_ledger.projections.batch import Exceptions
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.drift import member_drift, tally_drift
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import bounded
from temple_ledger.projections.member_projection import MemberProjection, State
from temple_ledger.projections.placing import placed
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.standing import why_not
from temple_ledger.projections.tally import Key, Tally

Progress = Callable[[int], None]
"""Called with how many members are done."""


class Elsewhere(Protocol):
    """Folds the log somewhere else than over the snapshot's connections."""

    def compare_members(
        self, connection: Connection, key: ProjectionKey, upto: Position, progress: Progress
    ) -> Verified:
        """Of everybody, what is stored against the fold; within the transaction of *connection*."""
        ...

    def count(self, connection: Connection, key: ProjectionKey, upto: Position) -> dict[Key, int]:
        """Every key of a tally, without what it does not count."""
        ...


def verify(database: Database, projection: Projection, *, catalogue: Catalogue) -> Verified:
    """Just compares: nothing is explained or stored. Reads only, while everything else goes on."""
    return verify_each(database, [projection], catalogue=catalogue)[0]


def verify_each(database: Database, projections: Iterable[Projection], *, catalogue: Catalogue) -> list[Verified]:
    """The same of some, one after the other, each in a snapshot of its own over the same two connections."""
    found = []
    with (
        snapshot_connection(database, application="temple verify") as log,
        snapshot_connection(database, application="temple verify") as tables,
    ):
        for projection in projections:
            with one_snapshot(log, tables) as snapshot:
                found.append(verify_everybody(snapshot, projection, catalogue=catalogue))
    return found


def verify_everybody(
    snapshot: Snapshot,
    projection: Projection,
    *,
    catalogue: Catalogue,
    progress: Progress = lambda done: None,
    elsewhere: Elsewhere | None = None,
) -> Verified:
    checkpoint = checkpoint_of(snapshot.tables, projection, catalogue)
    projection = placed(projection, checkpoint)
    verified = Verified(*projection.key, checkpoint.position, passed=checkpoint.passed)
    verified.unverified = why_not(projection, checkpoint, catalogue)
    if verified.unverified is not None:
        return verified
    counted = snapshot.tables.execute(statement("log_count"), {"after": 0, "upto": checkpoint.position}).fetchone()
    verified.in_log = (counted[0] if counted else 0) + _in_log_beyond(snapshot.tables, checkpoint)
    if checkpoint.state is ProjectionState.TRIGGER:
        # what is folded as it is appended is not counted, and cannot be passed over
        verified.passed = verified.in_log
    verified.ahead = ahead_of_log(snapshot.tables, checkpoint)
    exceptions = read_exceptions(snapshot.tables, projection.key)
    verified.parked = len(exceptions.parked_positions)
    if isinstance(projection, Tally):
        if elsewhere is None:
            verify_counts(snapshot.tables, projection, checkpoint, exceptions.uncounted, verified, catalogue)
        else:
            counts = elsewhere.count(snapshot.tables, projection.key, checkpoint.position)
            _compare_counts(snapshot.tables, projection, counts, verified)
    else:
        if elsewhere is None:
            _verify_members(snapshot, projection, checkpoint, exceptions, catalogue, verified, progress)
        else:
            verified.add(elsewhere.compare_members(snapshot.tables, projection.key, checkpoint.furthest, progress))
        verify_rollups(snapshot.tables, projection, verified)
    return verified


def _in_log_beyond(connection: Connection, checkpoint: Checkpoint) -> int:
    """Of the lanes that stand further than the others, what they have passed there."""
    if not checkpoint.is_apart:
        return 0
    values = {"after": checkpoint.position, "upto": checkpoint.furthest, "positions": list(checkpoint.lanes)}
    row = connection.execute(statement("lane_in_log"), values).fetchone()
    return 0 if row is None else int(row[0])


def checkpoint_of(connection: Connection, projection: Projection, catalogue: Catalogue) -> Checkpoint:
    """Raises UnknownName, and SchemaMismatch where rows of this version cannot be in tables with these columns."""
    checkpoint = read_checkpoints(connection).get(projection.key)
    if checkpoint is None:
        raise missing_checkpoint(connection, projection.key)
    if why_not(projection, checkpoint, catalogue) is None:
        require_tables(connection, placed(projection, checkpoint))
    return checkpoint


def ahead_of_log(connection: Connection, checkpoint: Checkpoint) -> bool:
    """Whether somebody set the checkpoint beyond the log: what will come there would not be folded."""
    head = connection.execute(statement("log_head")).fetchone()
    return head is not None and checkpoint.furthest > head[0]


def verify_counts(
    connection: Connection,
    tally: Tally,
    checkpoint: Checkpoint,
    left_out: PositionSet,
    verified: Verified,
    catalogue: Catalogue,
) -> None:
    """Every key, counted again from the log."""
    folded = recount(connection, tally, upto=checkpoint.position, left_out=left_out, catalogue=catalogue).increments
    _compare_counts(connection, tally, folded, verified)


def _compare_counts(connection: Connection, tally: Tally, folded: dict[Key, int], verified: Verified) -> None:
    stored = stored_counts(connection, tally.table)
    verified.members = len(stored.keys() | folded.keys())
    for drift in tally_drift(tally.name, tally.table, stored, folded):
        verified.found([drift])


def verify_rollups(connection: Connection, projection: MemberProjection[Any], verified: Verified) -> None:
    """Each against the group-by of its source."""
    for rollup in stored_rollups(connection, projection.name, projection.version):
        verified.found_in_rollup(list(rollup_drift(connection, rollup)))


def _verify_members(
    snapshot: Snapshot,
    projection: MemberProjection[State],
    checkpoint: Checkpoint,
    exceptions: Exceptions,
    catalogue: Catalogue,
    verified: Verified,
    progress: Progress,
) -> None:
    walked = walk(
        snapshot,
        projection,
        upto=checkpoint.furthest,
        left_out=exceptions.left_out,
        parked=bounded(exceptions.parked, checkpoint),
        catalogue=catalogue,
    )
    with closing(walked) as members, rare_collections():
        for member in members:
            folded = member.folded.rows
            if folded or member.stored.rows:
                verified.members += 1
                drifts = member_drift(projection.name, projection.tables, member.user_id, member.stored.rows, folded)
                verified.found(list(drifts))
            if verified.members % 1_000 == 0:
                progress(verified.members)
    progress(verified.members)
