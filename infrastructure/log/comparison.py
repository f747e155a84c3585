"""Whether a fact that is in the log already is the one that was given: the one place that says "same"."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg

from domain.log_entry import LogEntry
from domain.position import Position
from infrastructure.database.statements import statement


class Found(NamedTuple):
    """What the log holds under an event_id; `same` when instant, columns and jsonb are equal."""

    position: Position
    same: bool


def compare(connection: psycopg.Connection[Any], entries: Sequence[LogEntry]) -> dict[int, Found]:
    """By index in *entries*, for those whose event_id is in the log. Raises psycopg.Error."""
    if not entries:
        return {}
    rows = connection.execute(statement("log_compare"), in_columns(entries))
    return {place - 1: Found(Position(position), same) for place, position, same in rows}


def in_columns(entries: Sequence[LogEntry]) -> dict[str, list[Any]]:
    """One list a column, by its name: what the statements unnest."""
    return dict(zip(LogEntry._fields, map(list, zip(*entries, strict=True)), strict=True))
