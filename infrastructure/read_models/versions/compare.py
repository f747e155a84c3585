"""What readers would see otherwise, member by member, before a version gets the names of the tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.handover import key_of, types_of
from temple_ledger.infrastructure.database.table_queries import rows_by_member, stored_counts
from temple_ledger.infrastructure.read_models.member_log.fold_members import members_touched
from temple_ledger.infrastructure.read_models.versions.stored import Connection, StoredVersion
from temple_ledger.projections.drift import Drift, member_drift, tally_drift
from temple_ledger.projections.placing import own_name
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.tables import Row, Table
from temple_ledger.projections.tally import Tally

ROWS_AT_A_TIME: Final = 5_000

Each = Callable[[Drift], None]


@dataclass
class VersionDifference:
    """`notes` are sentences about the tables themselves. `moving` members have events that only one of both has
    folded: they are not compared."""

    old: StoredVersion
    new: StoredVersion
    members: int = 0
    changed: set[str] = field(default_factory=set)
    changes: int = 0
    moving: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Common:
    """What both versions of a table have, as a table of each."""

    old: Table
    new: Table


def compare_versions(
    connection: Connection,
    projection: Projection,
    old: StoredVersion,
    new: StoredVersion,
    each: Each = lambda drift: None,
) -> VersionDifference:
    """*projection* is the code of *new*. *each* is given every difference in what both have.

    Within a transaction that sees one state of the database.
    """
    found = VersionDifference(old, new)
    common = _common(connection, projection, old, new, found.notes)
    if isinstance(projection, Tally):
        for both in common:
            for drift in tally_drift(
                projection.name, both.new, stored_counts(connection, both.old), stored_counts(connection, both.new)
            ):
                found.changes += 1
                each(drift)
        return found
    low, high = min(old.position, new.position), max(old.furthest, new.furthest)
    moving = set(members_touched(connection, Position(low), Position(high)))
    found.moving = len(moving)
    seen: set[str] = set()
    for both in common:
        for user_id, sides in _by_member(connection, both):
            if user_id in moving:
                continue
            seen.add(user_id)
            drifts = list(
                member_drift(
                    projection.name, (both.new,), user_id, {both.new.name: sides[0]}, {both.new.name: sides[1]}
                )
            )
            if drifts:
                found.changed.add(user_id)
                found.changes += len(drifts)
            for drift in drifts:
                each(drift)
    found.members = len(seen)
    return found


def _by_member(connection: Connection, both: _Common) -> Iterator[tuple[str, tuple[list[Row], list[Row]]]]:
    sides = (_rows(connection, f"compare_{side}", table, side) for side, table in enumerate((both.old, both.new)))
    for user_id, found in groupby(merge(*sides, key=itemgetter(0)), key=itemgetter(0)):
        rows: tuple[list[Row], list[Row]] = ([], [])
        for _, side, row in found:
            rows[side].append(row)
        yield user_id, rows


def _rows(connection: Connection, name: str, table: Table, side: int) -> Iterator[tuple[str, int, Row]]:
    with connection.cursor(name) as cursor:
        cursor.itersize = ROWS_AT_A_TIME
        cursor.execute(rows_by_member(table), binary=True)
        for user_id, *row in cursor:
            yield user_id, side, tuple(row)


def _common(
    connection: Connection, projection: Projection, old: StoredVersion, new: StoredVersion, notes: list[str]
) -> list[_Common]:
    notes += [f"table {name} is gone" for name in old.tables if name not in new.tables]
    common = []
    for table in projection.tables:
        if table.name not in old.tables:
            notes.append(f"table {table.name} is new")
            continue
        places = [_place(table.name, each) for each in (old, new)]
        types, kinds = (types_of(connection, place) for place in places)
        notes += _notes(table, types, kinds)
        shared = tuple(column for column in table.columns if types.get(column.name) is not None)
        key = _shared_key(connection, projection, table, shared, places[0])
        if key is None:
            key = tuple(column.name for column in shared if column.is_plain)
            notes.append(f"table {table.name} has another key: its rows are compared as a whole")
        bare = replace(
            table,
            columns=tuple(replace(column, null=False) for column in shared),
            key=key,
            stamp=None,
            indexes=(),
            checks=(),
        )
        if not isinstance(projection, Tally) or len(shared) == len(table.columns):
            common.append(_Common(replace(bare, place=places[0]), replace(bare, place=places[1])))
    return common


def _notes(table: Table, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    declared = {*table.column_names, table.stamp, "user_id"}
    for name, kind in new.items():
        if name in declared and name not in old:
            yield f"column {table.name}.{name} is new"
        elif name in declared and old[name] != kind:
            yield f"column {table.name}.{name} becomes {kind}, it was {old[name]}"
    for name in old:
        if name not in new:
            yield f"column {table.name}.{name} is gone"


def _shared_key(
    connection: Connection, projection: Projection, table: Table, shared: Sequence[Any], place: str
) -> tuple[str, ...] | None:
    """The key, where both versions have the same one."""
    old = set(key_of(connection, place))
    wanted = set(table.key) | (set() if isinstance(projection, Tally) else {"user_id"})
    return table.key if old == wanted else None


def _place(name: str, version: StoredVersion) -> str:
    return name if version.active else own_name(name, version.key.version)
