"""Figures that cost more with more members or a longer log: counted beside the pages, which show the last count.

Weeks are counted once: the log is only appended to, so a later count adds what came since. A count goes up to a
position that the projections have passed, below which nothing is missing.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import structlog

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.database.pool import Connection, Pool
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.overview import count_members
from temple_ledger.infrastructure.queries.role import holder_counts
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.projections.members import members

SHARE: Final = 0.05
"""Of one processor: a count that took a second is made every 20 seconds at most."""
SHORTEST_SECONDS: Final = 1.0
FRESH_SECONDS: Final = 30.0
"""Older figures are not shown without waiting a moment for newer ones."""
WAIT_SECONDS: Final = 1.0

log = structlog.get_logger("temple.web")

Head = tuple[int, int]
Weeks = Mapping[date, Mapping[str, int]]
Givers = Mapping[str, Sequence[tuple[str | None, int]]]
"""By role: who granted it to those who hold it, and to how many."""


@dataclass(frozen=True)
class Counted:
    """`head` is the state of the ledger that was counted, `at` when, by the monotonic clock."""

    head: Head
    at: float
    members: Mapping[str, int] = field(default_factory=dict)
    roles: Mapping[str, int] = field(default_factory=dict)
    givers: Givers = field(default_factory=dict)
    tiers: Mapping[str, int] = field(default_factory=dict)
    weeks: Weeks = field(default_factory=dict)


@dataclass
class _Weeks:
    upto: int = 0
    counts: dict[date, Counter[str]] = field(default_factory=dict)


class Figures:
    """`counts` is how often they were counted: it moves when there are newer ones."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.counts = 0
        self._weeks = _Weeks()
        self._counted: Counted | None = None
        self._again_at = float("-inf")
        self._counting = threading.Lock()
        self._there = threading.Condition()

    def current(self, connection: Connection) -> Counted:
        """The last ones; a newer count begins where something has happened since. Raises DatabaseUnavailable."""
        head = read_head(connection)
        found = self._counted
        if found is not None and found.head == head:
            return found
        self._begin(head)
        if found is not None and time.monotonic() - found.at < FRESH_SECONDS:
            return found
        with self._there:
            self._there.wait_for(lambda: self._counted is not found, WAIT_SECONDS)
        return self._counted or Counted(head, time.monotonic())

    def _begin(self, head: Head) -> None:
        if time.monotonic() >= self._again_at and self._counting.acquire(blocking=False):
            threading.Thread(target=self._count, args=(head,), name="figures", daemon=True).start()

    def _count(self, head: Head) -> None:
        began = time.monotonic()
        try:
            with self._pool.connection() as connection:
                found = Counted(
                    head,
                    began,
                    members=count_members(connection),
                    roles=holder_counts(connection),
                    givers=_givers(connection),
                    tiers=dict(connection.execute(statement("web_tiers")).fetchall()),
                    weeks=self._count_weeks(connection),
                )
            with self._there:
                self._counted, self.counts = found, self.counts + 1
                self._there.notify_all()
        except LedgerError as error:
            log.warning("the figures are those of before", reason=str(error))
        finally:
            ended = time.monotonic()
            self._again_at = ended + max(SHORTEST_SECONDS, (ended - began) / SHARE)
            self._counting.release()

    def _count_weeks(self, connection: Connection) -> Weeks:
        """What projections have passed is settled and counted for good; what came since, each time anew."""
        checkpoint = read_checkpoints(connection).get(members.key)
        settled = 0 if checkpoint is None else checkpoint.position
        if settled < self._weeks.upto:
            # the log was restored to an earlier point
            self._weeks = _Weeks()
        _add(self._weeks.counts, connection, self._weeks.upto, settled)
        self._weeks.upto = settled
        now = {week: Counter(counts) for week, counts in self._weeks.counts.items()}
        _add(now, connection, settled, read_head(connection)[0])
        return now


def read_head(connection: Connection) -> Head:
    row = connection.execute(statement("web_head")).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def _givers(connection: Connection) -> Givers:
    found: dict[str, list[tuple[str | None, int]]] = {}
    for role, granted_by, given in connection.execute(statement("web_givers")):
        found.setdefault(role, []).append((granted_by, given))
    return found


def _add(counts: dict[date, Counter[str]], connection: Connection, after: int, upto: int) -> None:
    if upto <= after:
        return
    for week, sort, number in connection.execute(statement("web_weeks"), {"after": after, "upto": upto}):
        counts.setdefault(week, Counter())[sort] += number
