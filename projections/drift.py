"""Drift: where the stored rows differ from the fold of the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from temple_ledger.projections.tables import Row, Rows, Table


class DriftKind(StrEnum):
    MISSING = "row missing"
    TOO_MANY = "row too many"
    DIFFERENT = "value differs"


@dataclass(frozen=True)
class Drift:
    """`column` is None where a whole row is missing or too many; then the values are rows by column."""

    projection: str
    kind: DriftKind
    table: str
    user_id: str | None
    key: dict[str, Any]
    column: str | None
    stored: Any
    folded: Any


def member_drift(
    projection: str, tables: tuple[Table, ...], user_id: str, stored: Rows, folded: Rows
) -> Iterator[Drift]:
    """Every difference of one member, in the order of the tables."""
    for table in tables:
        before, after = stored.get(table.name, ()), folded.get(table.name, ())
        # in any order: that of a table is nobody's promise
        stored_by_key, folded_by_key = ({table.key_of(row): row for row in rows} for rows in (before, after))
        if stored_by_key != folded_by_key:
            yield from _table_drift(projection, table, user_id, stored_by_key, folded_by_key)


def tally_drift(projection: str, table: Table, stored: dict[Row, int], folded: dict[Row, int]) -> Iterator[Drift]:
    rows = ({key: (*key, number) for key, number in side.items() if number} for side in (stored, folded))
    yield from _table_drift(projection, table, None, *rows)


def _table_drift(
    projection: str, table: Table, user_id: str | None, stored: dict[Row, Row], folded: dict[Row, Row]
) -> Iterator[Drift]:
    for key in sorted(stored.keys() | folded.keys(), key=repr):
        before, after = stored.get(key), folded.get(key)
        named_key = dict(zip(table.key, key, strict=True))
        if before is None or after is None:
            kind = DriftKind.MISSING if before is None else DriftKind.TOO_MANY
            yield Drift(
                projection,
                kind,
                table.name,
                user_id,
                named_key,
                None,
                _named(table, before),
                _named(table, after),
            )
            continue
        for name, was, should_be in zip(table.column_names, before, after, strict=True):
            if was != should_be:
                yield Drift(projection, DriftKind.DIFFERENT, table.name, user_id, named_key, name, was, should_be)


def _named(table: Table, row: Row | None) -> dict[str, Any] | None:
    return None if row is None else dict(zip(table.column_names, row, strict=True))
