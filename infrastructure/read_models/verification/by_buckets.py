"""The full verify by an engine: the log folded from an archive, by shares of buckets, against rows of one snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.archive.bucket_events import Bounds
from temple_ledger.infrastructure.archive.shared import SharedArchive
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.shared_snapshot import export_snapshot, see_snapshot
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.table_queries import rows_of_buckets
from temple_ledger.infrastructure.engines.engine import SHARES_A_WORKER, Buckets, Engine, shares_of
from temple_ledger.infrastructure.read_models.member_log.bucket_members import fold_bucket_members, projection_of
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.infrastructure.read_models.verification.full import Progress
from temple_ledger.infrastructure.read_models.verification.result import Verified
from temple_ledger.projections.counting import TallyBatch, count_batch
from temple_ledger.projections.drift import member_drift
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import bounded
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed
from temple_ledger.projections.registry import catalogue
from temple_ledger.projections.tables import Row, Rows
from temple_ledger.projections.tally import Key, Tally

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class ByBuckets:
    """`Elsewhere` of the full verify."""

    archive: SharedArchive
    engine: Engine
    workers: int

    def compare_members(
        self, connection: Connection, key: ProjectionKey, upto: Position, progress: Progress
    ) -> Verified:
        """Raises Refused where a person was erased meanwhile."""
        erased = _erasure_steps(connection)
        task = CompareBuckets(self.archive, key, upto, export_snapshot(connection))
        whole = Verified(*key, upto)
        for _, part in self.engine.run(task, shares_of(self.workers * SHARES_A_WORKER)):
            whole.add(part)
            progress(whole.members)
        if _erasure_steps(connection) != erased:
            raise Refused("a person was erased while everybody was compared; run it again")
        return whole

    def count(self, connection: Connection, key: ProjectionKey, upto: Position) -> dict[Key, int]:
        total = TallyBatch()
        task = CountBuckets(self.archive, key, upto, export_snapshot(connection))
        for _, part in self.engine.run(task, shares_of(self.workers * SHARES_A_WORKER)):
            total.add(TallyBatch(dict(part)))
        return total.increments


@dataclass(frozen=True)
class CompareBuckets:
    """The task. *snapshot* is that of the driver's transaction."""

    archive: SharedArchive
    key: ProjectionKey
    upto: Position
    snapshot: str

    def __call__(self, database: Database, buckets: Buckets) -> Verified:
        projection = projection_of(self.key)
        if not isinstance(projection, MemberProjection):
            raise Refused(f"{self.key} has no members where a worker reads it")
        verified = Verified(*self.key, self.upto)
        events = self.archive.events(database, Bounds(self.upto))
        with database.connect(DatabaseRole.READ, application="temple verify worker", autocommit=False) as connection:
            see_snapshot(connection, self.snapshot)
            exceptions = read_exceptions(connection, self.key)
            checkpoint = read_checkpoints(connection)[self.key]
            stored = _stored(connection, placed(projection, checkpoint), buckets)
            connection.rollback()
        for user_id, folded, _ in fold_bucket_members(
            events,
            Fold(projection, catalogue()),
            *buckets,
            left_out=exceptions.left_out,
            parked=bounded(exceptions.parked, checkpoint),
        ):
            _compare(projection, user_id, stored.pop(user_id, {}), folded.rows, verified)
        for user_id, rows in stored.items():
            _compare(projection, user_id, rows, {}, verified)
        return verified


@dataclass(frozen=True)
class CountBuckets:
    """The same of a tally."""

    archive: SharedArchive
    key: ProjectionKey
    upto: Position
    snapshot: str

    def __call__(self, database: Database, buckets: Buckets) -> Mapping[Key, int]:
        tally = projection_of(self.key)
        if not isinstance(tally, Tally):
            raise Refused(f"{self.key} is no tally where a worker reads it")
        with database.connect(DatabaseRole.READ, application="temple verify worker", autocommit=False) as connection:
            see_snapshot(connection, self.snapshot)
            left_out = read_exceptions(connection, self.key).uncounted
            connection.rollback()
        total = TallyBatch()
        for events in self.archive.events(database, Bounds(self.upto)).every(*buckets):
            total.add(count_batch(tally, events, left_out, catalogue()))
        return total.increments


def _stored(
    connection: Connection, projection: MemberProjection[Any], buckets: Buckets
) -> dict[str, dict[str, list[Row]]]:
    found: dict[str, dict[str, list[Row]]] = {}
    for table in projection.tables:
        for user_id, *row in connection.execute(rows_of_buckets(table), buckets._asdict(), binary=True):
            found.setdefault(user_id, {}).setdefault(table.name, []).append(tuple(row))
    return found


def _compare(projection: MemberProjection[Any], user_id: str, stored: Rows, folded: Rows, verified: Verified) -> None:
    if folded or stored:
        verified.members += 1
        verified.found(list(member_drift(projection.name, projection.tables, user_id, stored, folded)))


def _erasure_steps(connection: Connection) -> int:
    row = connection.execute(statement("erasure_steps")).fetchone()
    return int(row[0]) if row is not None and row[0] else 0
