"""Deliveries to keep, and a translator whose rules fit on one page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import psycopg

from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, InboxDelivery
from temple_ledger.infrastructure.ingestion.inbox.store import StoredDelivery, store
from temple_ledger.infrastructure.ingestion.inbox.worker import Outcome, Translation

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def delivery(body: str, *, source: str = "bells", kind: str = "rung", minute: int = 0) -> Delivery:
    raw = body.encode()
    return Delivery(source, kind, raw, sha256(raw).digest(), NOON + timedelta(minutes=minute))


def kept(database: Database, *deliveries: Delivery) -> list[StoredDelivery]:
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        return store(connection, deliveries)


def rows(database: Database, columns: str = "id, state, note, repeats") -> list[Any]:
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        found = connection.execute(f"select {columns} from inbox order by id".encode()).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


@dataclass
class Bells:
    """Each delivery's body is who rang: an event the first time, none after that; remembered in a table of its own.

    `!` is refused, `?` cannot be read, `test` is set aside. Clocks ring without a delivery, when they are due.
    """

    source: str = "bells"
    refused: str = "!"
    due_at: Sequence[tuple[datetime, str]] = ()

    @staticmethod
    def table(database: Database) -> None:
        with database.connect(DatabaseRole.LOGIN) as connection:
            connection.execute("create table bell (who text primary key, times integer not null)")
            connection.execute("grant select, insert, update on bell to temple_translate")

    def translate(self, connection: psycopg.Connection[Any], delivery: InboxDelivery) -> Translation:
        who = delivery.body.decode()
        if who == "test":
            return Translation(state=Outcome.SET_ASIDE, note="a test")
        if who == "?":
            return Translation(state=Outcome.UNPARSEABLE)
        row = connection.execute(
            "insert into bell values (%s, 1) on conflict (who) do update set times = bell.times + 1 returning times",
            [who],
        ).fetchone()
        if self.refused in who:
            raise ValueError(f"cannot make anything of {who}")
        return Translation([rung(who, delivery.received_at)] if row == (1,) else [])

    def due(self, connection: psycopg.Connection[Any], now: datetime) -> Sequence[LogEntry]:
        return [rung(who, at) for at, who in self.due_at if at <= now]


def rung(who: str, at: datetime) -> LogEntry:
    return LogEntry(uuid5(NAMESPACE_URL, who), at, "bell", who, "rung", None, None, "bells")
