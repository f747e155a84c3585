"""Whether a fact that is in the log already is the one that was given: the one place that says "same"."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from pydantic_core import to_json

from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.refusal import refusal


class LoggedEvent(NamedTuple):
    """What the log holds under an event_id; `same` when instant, columns and jsonb are equal."""

    position: Position
    same: bool
    retracted: bool = False


def compare(connection: psycopg.Connection[Any], entries: Sequence[LogEntry]) -> dict[int, LoggedEvent]:
    """By index in *entries*, for those whose event_id is in the log. Raises psycopg.Error."""
    if not entries:
        return {}
    rows = connection.execute(statement("log_compare"), {"entries": as_json(entries)}, prepare=True)
    return {place - 1: LoggedEvent(Position(position), same, retracted) for place, position, same, retracted in rows}


def as_json(entries: Sequence[LogEntry]) -> str:
    """What the statements take many entries as: one parameter, several times cheaper than an array a column.

    Raises InvalidEvent for a text with half of a character.
    """
    try:
        return to_json([entry._asdict() for entry in entries]).decode()
    except ValueError as error:
        raise refusal(error) from None
