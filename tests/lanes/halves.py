"""A ledger whose `members` is split, and two that lead half of its lanes each, step by step."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.lanes import split
from temple_ledger.infrastructure.read_models.runner.lanes import publish
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints, transactions
from temple_ledger.infrastructure.read_models.runner.wide_connections import WideConnections
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.lanes import lane_of
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Step, processor_of
from temple_ledger.projections.testing.histories import at, joined, role_added, role_removed

LOW: Final = ("bo", "cy", "☃", "gus")
"""Members of the first eight lanes."""
HIGH: Final = ("ada", "dan", "eve", "Zoë")
"""Members of the others."""
assert {lane_of(each) // 8 for each in LOW} == {0}
assert {lane_of(each) // 8 for each in HIGH} == {1}


class Half:
    """Who leads the lanes from 0 to 7, or the others, and remembers from step to step."""

    def __init__(
        self,
        database: Database,
        which: int,
        connection: psycopg.Connection[Any],
        projection: MemberProjection[Any] = members,
    ) -> None:
        self.connection = connection
        self.key = projection.key
        self.lease = Lease(seconds=3_600, lanes=range(8 * which, 8 * which + 8))
        self.lease.acquire(connection, [self.key])
        self.wide = WideConnections(database.connect)
        opened = transactions(connection, self.lease.holder, self.wide)
        self.processor = processor_of(projection, opened, catalogue=CATALOGUE)

    def step(self, limit: int = 1_000, in_time: Callable[[], bool] | None = None) -> Step:
        lanes = self.lease.lanes_of(self.key)
        step = self.processor.lanes_step(lanes, upto=settled_head(self.connection), limit=limit, in_time=in_time)
        publish(self.connection, self.key)
        return step


@contextmanager
def halves(database: Database, projection: MemberProjection[Any] = members) -> Iterator[tuple[Half, Half]]:
    with database.connect(DatabaseRole.PROJECT) as one, database.connect(DatabaseRole.PROJECT) as two:
        both = Half(database, 0, one, projection), Half(database, 1, two, projection)
        try:
            yield both
        finally:
            for half in both:
                half.wide.close()


def split_members(database: Database) -> None:
    split(database, members, by="ada", catalogue=CATALOGUE)


def history(ledger: LedgerScenario, number: int = 0) -> Sequence[Position]:
    """Of members of all lanes; some of it late."""
    return ledger.given(
        *[joined(each, at(24 * number)) for each in (*LOW, *HIGH)],
        *[role_added(each, "Seeker", at(24 * number + 2)) for each in (*LOW, *HIGH)],
        *[role_added(each, "Oracle", at(24 * number + 1)) for each in (*LOW, *HIGH)],
        *[role_removed(each, "Seeker", at(24 * number + 3)) for each in (*LOW[:2], *HIGH[:2])],
    )


def standing(database: Database) -> Checkpoint:
    with database.connect(DatabaseRole.READ) as connection:
        return read_checkpoints(connection)[members.key]


def agrees(database: Database) -> bool:
    """In Python, and by the canon's SQL."""
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute("select * from validate_ledger_consistency()").fetchall()
        found += connection.execute("select * from validate_member_status_consistency()").fetchall()
    return not found and verify(database, members, catalogue=CATALOGUE).ok
