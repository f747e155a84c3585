"""A projection split into lanes, or joined again; and where its lanes stand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.feed.changes import is_followed
from temple_ledger.infrastructure.read_models.operations import operation_on_rows, record
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.fingerprint import reads_of
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.standing import why_not
from temple_ledger.projections.tally import Tally

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class StoredLane:
    """`behind` is how many positions of the log come after it; `leader` is None where nobody leads it."""

    lane: int
    position: Position
    behind: int
    leader: str | None
    updated_at: datetime


def stored_lanes(connection: Connection, key: ProjectionKey) -> list[StoredLane]:
    """In order; none of a projection that is not split."""
    return [StoredLane(*row) for row in connection.execute(statement("read_lanes"), key.parameters)]


def require_splittable(connection: Connection, projection: Projection, checkpoint: Checkpoint) -> None:
    """Raises Refused for what hangs on one order of all members' events, or is not there."""
    label = checkpoint.label
    if isinstance(projection, Tally):
        raise Refused(f"{label} is a tally: what it counts belongs to no one member, so it has no lanes")
    if checkpoint.split:
        raise Refused(f"{label} is split already")
    if checkpoint.state is ProjectionState.TRIGGER:
        raise Refused(f"the trigger maintains {label}; first run: temple trigger disable")
    hanging = [
        *[f"effect {name}" for name in projection.effects],
        *(["a consumer of its feed"] if is_followed(connection, projection.key) else []),
    ]
    if hanging:
        raise Refused(f"{label} has {', '.join(hanging)}, and a projection with such is not split yet")


def split(
    database: Database, projection: Projection, *, by: str, catalogue: Catalogue, reason: str | None = None
) -> Checkpoint:
    """From the next step on its lanes are led one by one; the checkpoint as it is there. Raises Refused."""
    with operation_on_rows(database, projection, catalogue) as (transaction, checkpoint):
        _require_filled(projection, checkpoint, catalogue)
        require_splittable(transaction.connection, projection, checkpoint)
        values = {**checkpoint.key.parameters, "reads": reads_of(projection, catalogue)}
        transaction.connection.execute(statement("lane_split"), values)
        _record(transaction.connection, "split", checkpoint, by, reason)
    return checkpoint


def join(
    database: Database, projection: Projection, *, by: str, catalogue: Catalogue, reason: str | None = None
) -> Checkpoint:
    """All of it is led as one again, from where the first lane stood. Raises Refused, also where lanes stand too far
    apart."""
    with operation_on_rows(database, projection, catalogue) as (transaction, checkpoint):
        require_split(checkpoint)
        _require_filled(projection, checkpoint, catalogue)
        transaction.connection.execute(statement("lane_join"), checkpoint.key.parameters)
        _record(transaction.connection, "join", checkpoint, by, reason)
    return checkpoint


def require_split(checkpoint: Checkpoint) -> None:
    """Raises Refused."""
    if not checkpoint.split:
        raise Refused(f"{checkpoint.label} is not split: one runner leads all of it")


def _require_filled(projection: Projection, checkpoint: Checkpoint, catalogue: Catalogue) -> None:
    refusal = why_not(projection, checkpoint, catalogue)
    if refusal is not None:
        raise Refused(f"{projection.key}: {refusal}")


def _record(connection: Connection, kind: str, checkpoint: Checkpoint, by: str, reason: str | None) -> None:
    details = {"position": checkpoint.position, "version": checkpoint.version}
    record(connection, kind, checkpoint.projection, by=by, reason=reason, details=details)
