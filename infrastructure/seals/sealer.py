"""The sealer: chains a hash over each settled range of the log, beside everything else.

Hashing is done in the database, one statement a range, each a transaction of its own; nothing is read out of it. Of
several sealers one works, and the others wait for its lease. Two at once would do no harm: whoever adds to the chain
holds its row.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import structlog

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.patience import Patience
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import GapReader, Look
from temple_ledger.infrastructure.seals.head import Head, read_head

APPLICATION: Final = "temple seal"
LOOK_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 5.0
LEASE_SECONDS: Final = 10.0
LONGEST_BACKOFF_SECONDS: Final = 5.0
FULL_RANGE: Final = 1_000
"""So many positions are sealed at once; fewer when their time has come."""

BEHIND_POSITIONS: Final = 20_000
YIELD_TIMES: Final = 5.0
"""While a runner is further behind than that, the sealer rests so many times as long as it worked."""

Connection = psycopg.Connection[Any]
Publish = Callable[[Head], None]

log = structlog.get_logger("temple.seal")


@dataclass(frozen=True)
class Sealed:
    """What one look led to. `led_by` is another sealer, and then nothing was done."""

    events: int = 0
    ranges: int = 0
    settled: Position = START
    head: Position = START
    led_by: str | None = None

    @property
    def caught_up(self) -> bool:
        return self.led_by is None and self.settled >= self.head


class Sealer:
    """Seals for as long as it leads. What it has sealed is given to *publish*, when it is on the disk."""

    def __init__(
        self,
        database: Database,
        *,
        every_seconds: float,
        publish: Publish = lambda head: None,
        holder: UUID | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Full ranges are sealed at once, the rest *every_seconds*. Raises DatabaseUnavailable and SchemaMismatch."""
        self._every = every_seconds
        self._publish = publish
        self._holder = uuid4() if holder is None else holder
        self._clock = clock
        self._session = RetryingConnection(
            database, DatabaseRole.SEAL, application=APPLICATION, patience_seconds=PATIENCE_SECONDS
        )
        self._reader: tuple[Connection, GapReader] | None = None
        self._sealed_at = float("-inf")

    def close(self) -> None:
        """Lets the next one begin at once."""
        with suppress(DatabaseUnavailable):
            self._session.run("sealing", self._release)
        self._session.close()

    def run(self, stop: threading.Event, *, until_sealed: bool = False) -> None:
        """Until *stop* is set, also while the database is away; or until all that is there by now is sealed.

        Raises DatabaseUnavailable where it was to end, and the database was away for as long as patience lasts.
        """
        failures, noted = 0, ""
        patience = Patience(has_end=until_sealed)
        target: Position | None = None
        while not stop.is_set():
            try:
                sealed = self.step(stop, everything=until_sealed)
                failures = 0
                patience.restore()
            except DatabaseUnavailable as error:
                failures += 1
                if patience.is_lost():
                    raise
                log.warning("not sealing", reason=str(error), attempt=failures)
                stop.wait(min(LONGEST_BACKOFF_SECONDS, 0.1 * 2**failures))
                continue
            if sealed.led_by is not None and sealed.led_by != noted:
                noted = sealed.led_by
                log.info("another sealer is at work", sealer=noted)
            target = sealed.head if target is None else target
            if until_sealed and sealed.settled >= target and not sealed.ranges:
                return
            if not sealed.ranges:
                stop.wait(LOOK_SECONDS)

    def step(self, stop: threading.Event, *, everything: bool = False) -> Sealed:
        """One look at the log, and what is due then. With *everything* the rest is due, and no lease is asked for."""
        if not everything:
            led_by = self._session.run("sealing", self._led_by_other)
            if led_by is not None:
                return Sealed(led_by=led_by)
        before = self._session.run("sealing", read_head)
        look = self._session.run("looking at the log", lambda connection: self._look(connection, before))
        waiting = look.settled - (before.position if before is not None else START)
        overdue = everything or self._clock() - self._sealed_at >= self._every
        events = ranges = 0
        while not stop.is_set() and (waiting >= FULL_RANGE or (waiting > 0 and overdue)):
            started = self._clock()
            row = self._session.run("sealing", lambda connection: _seal(connection, look.settled))
            if row is None:
                break
            _, position, number, _, _ = row
            events, ranges, waiting = events + number, ranges + 1, look.settled - position
            self._sealed_at = self._clock()
            self._make_room(stop, self._sealed_at - started)
            if not everything and self._session.run("sealing", self._led_by_other) is not None:
                break
        if ranges:
            self._publish_head()
        return Sealed(events, ranges, look.settled, look.head)

    def _publish_head(self) -> None:
        head = self._session.run("sealing", read_head)
        if head is not None:
            self._publish(head)

    def _look(self, connection: Connection, before: Head | None) -> Look:
        if self._reader is None or self._reader[0] is not connection:
            self._reader = connection, GapReader(connection)
        return self._reader[1].look(before.position if before is not None else START)

    def _make_room(self, stop: threading.Event, seconds: float) -> None:
        values = {"positions": BEHIND_POSITIONS}
        behind = self._session.run(
            "sealing", lambda connection: connection.execute(statement("seal_runner_behind"), values).fetchone()
        )
        if behind == (True,):
            stop.wait(YIELD_TIMES * seconds)

    def _led_by_other(self, connection: Connection) -> str | None:
        """Takes the lease, or holds it for longer; who has it where that is somebody else."""
        values = {
            "holder": self._holder,
            "description": f"{socket.gethostname()}, process {os.getpid()}",
            "seconds": LEASE_SECONDS,
        }
        if connection.execute(statement("seal_lease_take"), values).fetchone() is not None:
            return None
        row = connection.execute(statement("seal_status")).fetchone()
        return "another sealer" if row is None or row[6] is None else str(row[6])

    def _release(self, connection: Connection) -> None:
        connection.execute(statement("seal_lease_release"), {"holder": self._holder})


def seal_rest(database: Database, *, seconds: float | None = None) -> None:
    """Seals what is settled by now, whoever leads, so that it can be proven; for so long at most.

    Raises DatabaseUnavailable, and SchemaMismatch for a login that may not seal.
    """
    sealer = Sealer(database, every_seconds=0)
    stop = threading.Event()
    alarm = None if seconds is None else threading.Timer(seconds, stop.set)
    try:
        if alarm is not None:
            alarm.start()
        sealer.run(stop, until_sealed=True)
    finally:
        if alarm is not None:
            alarm.cancel()
        sealer.close()


def _seal(connection: Connection, settled: Position) -> tuple[int, Position, int, bytes, object] | None:
    row: tuple[int, Position, int, bytes, object] | None = connection.execute(
        statement("seal_range"), {"settled": settled}, prepare=True
    ).fetchone()
    return row
