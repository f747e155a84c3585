"""Rows of the log as notifications."""

from collections.abc import Sequence
from typing import Any

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.eventsourcing_adapter.mapper import RowNotification, notification_of


def notifications(
    connection: psycopg.Connection[Any], *, after: Position, upto: Position, limit: int, topics: Sequence[str]
) -> list[RowNotification]:
    """At most *limit* in (*after*, *upto*], by position; without *topics*, of all. Raises psycopg.Error."""
    values = {"after": after, "upto": upto, "limit": limit, "topics": list(topics) or None}
    return _read(connection, "library_notifications", values)


def member_notifications(
    connection: psycopg.Connection[Any],
    user_id: str,
    *,
    after: int | None,
    upto: int | None,
    desc: bool,
    limit: int | None,
) -> list[RowNotification]:
    """One member's, by position or backwards, as far as they are visible. Raises psycopg.Error."""
    values = {"user_id": user_id, "after": after, "upto": upto, "desc": desc, "limit": limit}
    return _read(connection, "library_member_events", values)


def _read(connection: psycopg.Connection[Any], name: str, values: dict[str, Any]) -> list[RowNotification]:
    rows = connection.cursor(binary=True).execute(statement(name), values)
    return [notification_of(Recorded(*row), retracted=retracted) for *row, retracted in rows]
