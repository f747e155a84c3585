"""Keeping deliveries: once each, in the order in which they came."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from pydantic_core import to_json

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery


class StoredDelivery(NamedTuple):
    """Where the delivery is. `repeated` when the inbox had it already, or had it twice within one call."""

    id: int
    repeated: bool


def store(connection: psycopg.Connection[Any], deliveries: Sequence[Delivery]) -> list[StoredDelivery]:
    """One statement, and one more for the first delivery of a source; in the order of *deliveries*.

    The caller commits, soon: until then nobody else keeps deliveries of these sources. Raises psycopg.Error; the same
    call may be tried again, what was kept after all is then a repeat.
    """
    if not deliveries:
        return []
    values = _columns(deliveries)
    found = connection.execute(statement("inbox_keep"), values, prepare=True).fetchall()
    if not found:
        connection.execute(statement("inbox_source_create"), {"sources": values["sources"]})
        found = connection.execute(statement("inbox_keep"), values, prepare=True).fetchall()
    if len(found) != len(deliveries):
        # in an older snapshot of the database, a source that came since is not there
        raise psycopg.errors.SerializationFailure("a source is new; try again, in a transaction that is read committed")
    return [StoredDelivery(*row) for row in found]


def _columns(deliveries: Sequence[Delivery]) -> dict[str, list[Any]]:
    return {
        "sources": [each.source for each in deliveries],
        "kinds": [each.kind for each in deliveries],
        "origins": [each.origin for each in deliveries],
        "received": [each.received_at for each in deliveries],
        "digests": [each.digest for each in deliveries],
        "bodies": [each.body for each in deliveries],
        "details": [to_json(each.details).decode() for each in deliveries],
    }
