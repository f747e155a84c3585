"""Who may run a projection: a lease in the database, by the database's clock."""

import os
import socket
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.key import ProjectionKey

LEASE_SECONDS: Final = 10.0
RENEW_SECONDS: Final = 2.0
TRY_SECONDS: Final = 1.0


class Lease:
    """The leases of one runner. A dead holder is noticed by its closed connection, a frozen one by time."""

    def __init__(self, holder: UUID | None = None, *, seconds: float = LEASE_SECONDS) -> None:
        self.holder = uuid4() if holder is None else holder
        self.description = f"{socket.gethostname()}, process {os.getpid()}"
        self._seconds = seconds

    def acquire(
        self, connection: psycopg.Connection[Any], keys: Iterable[ProjectionKey]
    ) -> dict[ProjectionKey, str | None]:
        """For each of them that the ledger has: None when it is ours now, else who has it.

        Taking one raises the epoch, so whatever the holder before us still tries to commit is void.
        """
        outcome: dict[ProjectionKey, str | None] = {}
        for projection, version, holder, description, free in connection.execute(
            statement("lease_read"), _arrays(keys)
        ).fetchall():
            key = ProjectionKey(projection, version)
            if not free and holder != self.holder:
                outcome[key] = description
            else:
                outcome[key] = None if self._acquired(connection, key) else "another runner"
        return outcome

    def _acquired(self, connection: psycopg.Connection[Any], key: ProjectionKey) -> bool:
        try:
            return self._acquire_one(connection, key)
        except psycopg.errors.LockNotAvailable:
            # its checkpoint is held: there is always a next time
            return False

    def _acquire_one(self, connection: psycopg.Connection[Any], key: ProjectionKey) -> bool:
        with connection.transaction():
            # the checkpoint first, as every batch does: a leader in the middle of one is waited for
            connection.execute(statement("checkpoint_lock"), key.parameters)
            acquired = connection.execute(
                statement("lease_take"),
                {
                    **key.parameters,
                    "holder": self.holder,
                    "description": self.description,
                    "seconds": self._seconds,
                },
            ).fetchone()
            if acquired is None:
                return False
            connection.execute(statement("checkpoint_raise_epoch"), key.parameters)
            return True

    def renew(self, connection: psycopg.Connection[Any]) -> frozenset[ProjectionKey]:
        """Those whose lease is still ours."""
        renewed = connection.execute(statement("lease_renew"), {"holder": self.holder, "seconds": self._seconds})
        return frozenset(ProjectionKey(*row) for row in renewed)

    def release(self, connection: psycopg.Connection[Any]) -> None:
        """So that the next runner need not wait."""
        connection.execute(statement("lease_release"), {"holder": self.holder})


def somebody_leads(connection: psycopg.Connection[Any], key: ProjectionKey) -> bool:
    """Whether a runner is at work on it."""
    found = connection.execute(statement("lease_read"), _arrays([key])).fetchall()
    return any(holder is not None and not free for _, _, holder, _, free in found)


def _arrays(keys: Iterable[ProjectionKey]) -> dict[str, list[Any]]:
    wanted = list(keys)
    return {"projections": [key.name for key in wanted], "versions": [key.version for key in wanted]}
