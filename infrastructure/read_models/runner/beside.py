"""A second process that folds one of a runner's projections beside it, for as long as that is far behind.

It is a runner as any other: it holds the lease of what it folds, ends when it has caught up, and may be killed at any
point. The first one asks for that lease as it does for every projection that it does not lead, so whatever becomes of
the second one, the projection goes on.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol
from uuid import UUID, uuid4

import psycopg

from temple_ledger.infrastructure.read_models.runner.lease import Lease, release_of
from temple_ledger.projections.key import ProjectionKey

FAR: Final = 50_000
"""Events. A process needs as long to begin as half of them take to fold: with fewer, nothing would be gained."""


class Beside(Protocol):
    """Where a second process is had from."""

    @property
    def key(self) -> ProjectionKey | None:
        """What it folds; None where there is none."""

    def begin(self, key: ProjectionKey, holder: UUID) -> bool:
        """One that folds this, under the lease of *holder*, until it has caught up; False where there can be none."""


class _Nobody:
    @property
    def key(self) -> ProjectionKey | None:
        return None

    def begin(self, key: ProjectionKey, holder: UUID) -> bool:
        return False


ALONE: Final[Beside] = _Nobody()


class HandOver:
    """The lease that a second process has from us."""

    def __init__(self, beside: Beside, lease: Lease) -> None:
        self._beside = beside
        self._lease = lease
        self._holder: UUID | None = None

    @property
    def key(self) -> ProjectionKey | None:
        """What is folded by the second process, as far as is known."""
        return self._beside.key if self._holder is not None else None

    def is_worth_it(self, behind: int) -> bool:
        return self._holder is None and behind > FAR

    def begin(self, connection: psycopg.Connection[Any], key: ProjectionKey) -> bool:
        """False, and nothing has changed, where there is no second process to be had."""
        holder = uuid4()
        if not self._beside.begin(key, holder):
            return False
        self._holder = holder
        # until it is there, its lease is one of our connection's
        self._lease.pass_on(connection, key, holder)
        return True

    def has_ended(self, connection: Callable[[], psycopg.Connection[Any]]) -> bool:
        """Whether it has, since this was asked before; what it led is free then, also where it was killed."""
        if self._holder is None or self._beside.key is not None:
            return False
        release_of(connection(), self._holder)
        self._holder = None
        return True
