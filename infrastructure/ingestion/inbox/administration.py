"""The inbox, read and put right by people."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.delivery import DeliveryState
from temple_ledger.infrastructure.ingestion.inbox.failure import LONGEST_NOTE

Connection = psycopg.Connection[Any]


class Listed(NamedTuple):
    """A delivery without its body, of which `size` is the length in bytes."""

    id: int
    source: str
    kind: str
    origin: str | None
    received_at: datetime
    state: DeliveryState
    size: int
    repeats: int
    last_received_at: datetime
    translated_at: datetime | None
    note: str | None
    digest: str
    details: Mapping[str, Any]


class Chosen(NamedTuple):
    """Which deliveries; None is all."""

    source: str | None = None
    kind: str | None = None
    state: DeliveryState | None = None
    since: datetime | None = None


def deliveries(connection: Connection, chosen: Chosen, *, before: int | None = None, limit: int) -> Sequence[Listed]:
    """The newest first; with *before*, those that came before this one."""
    wanted = {**chosen._asdict(), "id": None, "before": before, "limit": limit}
    return [_listed(row) for row in connection.execute(statement("inbox_list"), wanted)]


def delivery(connection: Connection, number: int) -> Listed:
    """Raises UnknownName."""
    wanted = {**Chosen()._asdict(), "id": number, "before": None, "limit": 1}
    row = connection.execute(statement("inbox_list"), wanted).fetchone()
    if row is None:
        raise UnknownName("delivery", str(number))
    return _listed(row)


def body(connection: Connection, number: int) -> bytes:
    """With the appending role: who reads the ledger may not read bodies. Raises UnknownName."""
    row = connection.execute(statement("inbox_body"), {"id": number}).fetchone()
    if row is None:
        raise UnknownName("delivery", str(number))
    return bytes(row[0])


def retry(connection: Connection, numbers: Sequence[int], *, state: DeliveryState = DeliveryState.FAILED) -> int:
    """These back to waiting, or none of them; how many. Raises UnknownName, and Refused for one in another state."""
    wanted = {"ids": list(numbers), "state": state.value, "source": None, "kind": None}
    return _all_or_none(connection, numbers, "inbox_retry", wanted, f"not {state}")


def set_aside(connection: Connection, numbers: Sequence[int], *, by: str, reason: str) -> int:
    """These, which failed or cannot be read, are left at that, or none of them; how many. Raises as `retry` does."""
    wanted = {"ids": list(numbers), "note": f"set aside by {by}: {reason}"[:LONGEST_NOTE]}
    return _all_or_none(connection, numbers, "inbox_set_aside", wanted, "neither failed nor unparseable")


def _all_or_none(
    connection: Connection, numbers: Sequence[int], name: str, wanted: Mapping[str, Any], otherwise: str
) -> int:
    with connection.transaction():
        done = {id_ for (id_,) in connection.execute(statement(name), wanted)}
        for number in numbers:
            if number not in done:
                raise Refused(f"delivery {number} is {delivery(connection, number).state}, {otherwise}")
    return len(done)


def retry_all(
    connection: Connection,
    *,
    state: DeliveryState = DeliveryState.FAILED,
    source: str | None = None,
    kind: str | None = None,
) -> int:
    """How many are waiting again."""
    wanted = {"ids": None, "state": state.value, "source": source, "kind": kind}
    return connection.execute(statement("inbox_retry"), wanted).rowcount


def _listed(row: tuple[Any, ...]) -> Listed:
    found = Listed(*row)
    return found._replace(state=DeliveryState(row[5]), digest=row[11].hex(), details=json.loads(row[12]))
