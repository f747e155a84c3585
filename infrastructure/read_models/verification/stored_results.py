"""Results of verifying as they are stored: what was found, and when everybody was last compared."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from temple_ledger.domain.errors import UnknownName
from temple_ledger.domain.position import START
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.verification.result import Verified
from temple_ledger.infrastructure.read_models.verification.since_last import Round, SinceLast, read_round
from temple_ledger.projections.key import ProjectionKey

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class StoredVerification:
    """A result; `listed` holds the first thousand differences as JSON has them, None in a list of results."""

    id: int
    projection: str
    version: int
    kind: str
    position: int
    started_at: datetime
    finished_at: datetime
    members: int
    touched: int
    drifts: int
    drifted_members: int
    parked: int
    passed: int
    in_log: int | None
    listed: list[dict[str, Any]] | None = None


def store(
    connection: Connection,
    verified: Verified,
    started_at: datetime,
    *,
    since: SinceLast | None = None,
) -> int | None:
    """The result's number; None for a projection that could not be compared. A full verify compared everybody."""
    if verified.unverified is not None:
        return None
    completed = since is None or since.completed
    with connection.transaction():
        row = connection.execute(
            statement("verification_keep"),
            {
                "projection": verified.projection,
                "version": verified.version,
                "kind": verified.kind.value,
                "position": verified.position,
                "started_at": started_at,
                "members": verified.members,
                "touched": verified.touched,
                "drifts": verified.drifts,
                "drifted_members": verified.drifted_members,
                "parked": verified.parked,
                "passed": verified.passed,
                "in_log": verified.in_log,
                "listed": json.dumps([asdict(drift) for drift in verified.listed], default=str),
            },
        ).fetchone()
        connection.execute(
            statement("verification_round_write"),
            {
                "projection": verified.projection,
                "version": verified.version,
                "position": START if verified.ahead else verified.position,
                "next_user": None if since is None or completed else since.round.next_user,
                "completed": completed,
            },
        )
    return int(row[0]) if row is not None else None


def stored_verifications(
    connection: Connection,
    projection: str | None = None,
    version: int | None = None,
    *,
    before: int | None = None,
    limit: int = 20,
) -> Sequence[StoredVerification]:
    """The newest first; with *before*, those that came before this one."""
    wanted = {"projection": projection, "version": version, "before": before, "limit": limit}
    found = connection.execute(statement("verification_list"), wanted)
    return [StoredVerification(*row) for row in found]


def latest(connection: Connection, keys: Sequence[ProjectionKey]) -> Sequence[StoredVerification]:
    """Of each of these that was ever verified."""
    return [found for key in keys for found in stored_verifications(connection, *key, limit=1)]


def stored_verification(connection: Connection, number: int) -> StoredVerification:
    row = connection.execute(statement("verification_show"), {"id": number}).fetchone()
    if row is None:
        raise UnknownName("result of a verify", str(number))
    return StoredVerification(*row)


def rounds(connection: Connection, keys: Sequence[ProjectionKey]) -> Sequence[Round]:
    """When everybody was last covered, of each projection."""
    return [read_round(connection, key) for key in keys]
