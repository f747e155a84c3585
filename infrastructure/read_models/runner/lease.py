"""Who may run a projection: a lease in the database, by the database's clock."""

import os
import socket
from collections.abc import Collection, Iterable
from typing import Any, Final
from uuid import uuid4

import psycopg

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import EVERY

LEASE_SECONDS: Final = 10.0
RENEW_SECONDS: Final = 2.0
TRY_SECONDS: Final = 1.0
WHOLE: Final = -1
"""In the place of a lane: the lease is for all of the projection."""


class Lease:
    """The leases of one runner. A dead holder is noticed by its closed connection, a frozen one by time.

    Of a projection that is split, there is one for each lane: of *lanes* it takes those that are free.
    """

    def __init__(self, *, seconds: float = LEASE_SECONDS, lanes: Collection[int] = EVERY) -> None:
        self.holder = uuid4()
        self.lanes = frozenset(lanes)
        self._ours: dict[ProjectionKey, frozenset[int]] = {}
        self.description = f"{socket.gethostname()}, process {os.getpid()}"
        self._seconds = seconds

    def acquire(
        self, connection: psycopg.Connection[Any], keys: Iterable[ProjectionKey]
    ) -> dict[ProjectionKey, str | None]:
        """For each of them that the ledger has: None when it, or some of its lanes, are ours now, else who has it.

        Taking one raises the epoch, so whatever the holder before us still tries to commit is void. A step of lanes
        holds them, and looks who leads them after that: to take one is to hold it too.
        """
        outcome: dict[ProjectionKey, str | None] = {}
        ours: dict[ProjectionKey, set[int]] = {}
        for projection, version, lane, holder, description, free in connection.execute(
            statement("lease_read"), _arrays(keys)
        ).fetchall():
            key = ProjectionKey(projection, version)
            if lane != WHOLE and lane not in self.lanes:
                continue
            if not free and holder != self.holder:
                outcome.setdefault(key, description)
            elif (lane != WHOLE and not free) or self._acquired(connection, key, lane):
                ours.setdefault(key, set()).add(lane)
            else:
                outcome.setdefault(key, "another runner")
        for key, lanes in ours.items():
            outcome[key] = None
            self._ours[key] = frozenset(lanes)
        return outcome

    def lanes_of(self, key: ProjectionKey) -> frozenset[int]:
        """Those that are ours; none where all of it is, or nothing."""
        return self._ours.get(key, frozenset()) - {WHOLE}

    def _acquired(self, connection: psycopg.Connection[Any], key: ProjectionKey, lane: int) -> bool:
        try:
            return self._acquire_one(connection, key, lane)
        except psycopg.errors.LockNotAvailable:
            # its checkpoint is held: there is always a next time
            return False

    def _acquire_one(self, connection: psycopg.Connection[Any], key: ProjectionKey, lane: int) -> bool:
        with connection.transaction():
            # first what every batch holds: a leader in the middle of one is waited for
            if not _held(connection, key, lane):
                return False
            acquired = connection.execute(
                statement("lease_take"),
                {
                    **key.parameters,
                    "lane": lane,
                    "holder": self.holder,
                    "description": self.description,
                    "seconds": self._seconds,
                },
            ).fetchone()
            if acquired is None:
                return False
            if lane == WHOLE:
                connection.execute(statement("checkpoint_raise_epoch"), key.parameters)
            return True

    def renew(self, connection: psycopg.Connection[Any]) -> frozenset[ProjectionKey]:
        """Those whose lease is still ours; of one that is split, whose lanes all are."""
        renewed: dict[ProjectionKey, set[int]] = {}
        values = {"holder": self.holder, "seconds": self._seconds}
        for projection, version, lane in connection.execute(statement("lease_renew"), values):
            renewed.setdefault(ProjectionKey(projection, version), set()).add(lane)
        return frozenset(key for key, lanes in renewed.items() if lanes >= self._ours.get(key, lanes))

    def release(self, connection: psycopg.Connection[Any]) -> None:
        """So that the next runner need not wait."""
        connection.execute(statement("lease_release"), {"holder": self.holder})


def somebody_leads(connection: psycopg.Connection[Any], key: ProjectionKey) -> bool:
    """Whether a runner is at work on it."""
    found = connection.execute(statement("lease_read"), _arrays([key])).fetchall()
    return any(holder is not None and not free for _, _, _, holder, _, free in found)


def _held(connection: psycopg.Connection[Any], key: ProjectionKey, lane: int) -> bool:
    """What a step of it holds is held until the transaction ends; False where it was split or joined meanwhile."""
    if lane == WHOLE:
        row = connection.execute(statement("checkpoint_lock"), key.parameters).fetchone()
        return row is not None and not row[-1]
    connection.execute(statement("lane_share_waiting"), key.parameters)
    return connection.execute(statement("lane_take"), {**key.parameters, "lane": lane}).fetchone() is not None


def _arrays(keys: Iterable[ProjectionKey]) -> dict[str, list[Any]]:
    wanted = list(keys)
    return {"projections": [key.name for key in wanted], "versions": [key.version for key in wanted]}
