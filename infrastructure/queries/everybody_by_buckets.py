"""The same from an archive, by an engine."""

from collections.abc import Iterator
from dataclasses import dataclass

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.archive.bucket_events import Bounds
from temple_ledger.infrastructure.archive.shared import SharedArchive
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.engines.engine import SHARES_A_WORKER, Buckets, Engine, shares_of
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.member import MemberOverview, member_of
from temple_ledger.infrastructure.read_models.member_log.bucket_members import fold_bucket_members, projection_of
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import members
from temple_ledger.projections.registry import catalogue


def everybody_by_buckets(
    database: Database, archive: SharedArchive, engine: Engine, workers: int, moment: AsOf
) -> Iterator[list[MemberOverview]]:
    """By bucket and by id, whatever is done first."""
    with database.connect(DatabaseRole.READ, application="temple members") as connection:
        upto = settled_head(connection)
    shares = shares_of(workers * SHARES_A_WORKER)
    task = MembersThenInBuckets(archive, members.key, Bounds(upto, moment.as_of, moment.known_at))
    done: dict[Buckets, list[MemberOverview]] = {}
    waiting = list(shares)
    for buckets, found in engine.run(task, shares):
        done[buckets] = found
        while waiting and waiting[0] in done:
            yield done.pop(waiting.pop(0))


@dataclass(frozen=True)
class MembersThenInBuckets:
    """The task."""

    archive: SharedArchive
    key: ProjectionKey
    bounds: Bounds

    def __call__(self, database: Database, buckets: Buckets) -> list[MemberOverview]:
        projection = projection_of(self.key)
        if not isinstance(projection, MemberProjection):
            raise Refused(f"{self.key} has no members where a worker reads it")
        with database.connect(DatabaseRole.READ, application="temple members worker") as connection:
            left_out = read_exceptions(connection, self.key).left_out
        events = self.archive.events(database, self.bounds)
        folded = fold_bucket_members(events, Fold(projection, catalogue()), *buckets, left_out=left_out)
        found = (member_of(user_id, each.rows) for user_id, each, _ in folded)
        return [member for member in found if member is not None]
