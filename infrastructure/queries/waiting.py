"""Waiting until a projection has folded a position, by a runner that runs elsewhere."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import NotFoldedInTime, UnknownName
from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.durable import wait_until_durable
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.projection_status import projection_status
from temple_ledger.infrastructure.queries.versions import checkpoint_named
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.projections.processor import Projection

POLL_SECONDS: Final = 1.0
APPLICATION: Final = "temple wait"


def wait_for(
    database: Database,
    projections: Sequence[Projection],
    name: str,
    position: Position | None = None,
    *,
    timeout_seconds: float,
    catalogue: Catalogue,
    idle: Callable[[str], None] = lambda sentence: None,
    reading: Database | None = None,
) -> Position:
    """The position that the projection has reached, at or above *position* (by default the log's head as it is now).

    *reading* is a standby, whose checkpoint counts then: what was appended to *database* can be read there.
    What it has folded up to there is on the disk when this returns. *idle* is given one sentence whenever the
    projection stands still for another reason than before. Raises NotFoldedInTime, UnknownName, DatabaseUnavailable.
    """
    deadline = time.monotonic() + timeout_seconds
    with (reading or database).connect(DatabaseRole.READ, application=APPLICATION) as connection:
        if reading is not None and position is None:
            with database.connect(DatabaseRole.READ, application=APPLICATION) as primary:
                position = _head(primary)
        return wait_on(connection, database, projections, name, position, timeout_seconds, deadline, catalogue, idle)


def wait_on(
    connection: Connection,
    database: Database,
    projections: Sequence[Projection],
    name: str,
    position: Position | None,
    timeout_seconds: float,
    deadline: float,
    catalogue: Catalogue,
    idle: Callable[[str], None] = lambda sentence: None,
) -> Position:
    """As `wait_for`, on an autocommit connection that is there; *deadline*, by the monotonic clock, is when
    *timeout_seconds* have passed. Raises psycopg.Error."""
    reason: str | None = None
    with Wakeup(database) as wakeup:
        wanted = _head(connection) if position is None else position
        while True:
            checkpoint = checkpoint_named(read_checkpoints(connection), name)
            if checkpoint is None:
                raise UnknownName("projection in this ledger", name)
            if checkpoint.position >= wanted:
                wait_until_durable(connection)
                return checkpoint.position
            status = projection_status(connection, projections, name, catalogue=catalogue)
            found = f"{name} stands still ({status.state})" if status.stands_still else None
            if found is not None and found != reason:
                idle(f"{found}; waiting all the same: {status.next_command}")
                reason = found
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise NotFoldedInTime(name, checkpoint.position, wanted, timeout_seconds, status.without_leader)
            wakeup.wait(min(remaining, POLL_SECONDS))


def _head(connection: Connection) -> Position:
    row = connection.execute(statement("log_head")).fetchone()
    return START if row is None or row[0] is None else Position(row[0])
