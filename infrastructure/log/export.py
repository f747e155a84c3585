"""The log as JSON lines, which can be imported again."""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from json.encoder import encode_basestring
from typing import Any, Final, cast
from uuid import UUID

import psycopg

from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.statements import statement

ROWS_AT_A_TIME: Final = 32
"""The database sends so many at once, and each may have a payload of megabytes."""
EVERY_POSITION: Final = Position(2**63 - 1)


@dataclass(frozen=True)
class Selection:
    """Which events: those in (`after`, `upto`], of one member, of one event_type, that occurred in [`since`, `until`].

    None is no condition. Without `retracted`, positions that were retracted are left out.
    """

    after: Position = START
    upto: Position = EVERY_POSITION
    user_id: str | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    retracted: bool = False


def exported_lines(
    connection: psycopg.Connection[Any],
    selection: Selection = Selection(),
    *,
    at_a_time: int = ROWS_AT_A_TIME,
) -> Iterator[str]:
    """A line of JSON for each event, without its end of line, by position, as one snapshot shows them.

    In constant memory; *connection* is in a transaction until the last line was taken. Keys are the log's columns,
    with what it added: id, recorded_at and processed_at, which an import does not read. metadata is as stored. What was
    retracted has retracted_at too, and an import refuses it: it would count there.
    Raises psycopg.Error.
    """
    with connection.transaction(), connection.cursor() as cursor:
        stream = cursor.stream(statement("log_export"), vars(selection), binary=True, size=at_a_time)
        # whoever stops early ends the stream before the transaction, which would wait for it
        with closing(cast("Generator[Any, None, None]", stream)) as rows:
            yield from starmap(_line, rows)


def _line(
    position: int,
    event_id: UUID,
    timestamp: datetime | None,
    timestamp_text: str,
    event_type: str,
    user_id: str,
    action: str,
    target: str | None,
    metadata: str | None,
    source: str,
    recorded_at: datetime,
    processed_at: datetime | None,
    retracted_at: datetime | None,
) -> str:
    retracted = "" if retracted_at is None else f',"retracted_at":{_instant(retracted_at)}'
    return (
        f'{{"id":{position},"event_id":"{event_id}",'
        f'"timestamp":{_quoted(timestamp_text) if timestamp is None else _instant(timestamp)},'
        f'"event_type":{_quoted(event_type)},"user_id":{_quoted(user_id)},"action":{_quoted(action)},'
        f'"target":{_quoted(target)},"metadata":{metadata or "null"},"source":{_quoted(source)},'
        f'"recorded_at":{_instant(recorded_at)},"processed_at":{_instant(processed_at)}'
        f"{retracted}}}"
    )


def _quoted(text: str | None) -> str:
    return "null" if text is None else encode_basestring(text)


def _instant(instant: datetime | None) -> str:
    return "null" if instant is None else f'"{format_instant(instant)}"'
