"""Under which names the tables of a version stand: the declared ones for the version that readers see, else its own."""

from copy import copy
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any, Final, TypeVar

from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.rollup import Rollup
from temple_ledger.projections.tables import Table
from temple_ledger.projections.tally import Tally

LONGEST: Final = 63
"""Of a name in PostgreSQL, in bytes. Declared names are letters, digits and underscores."""

Placed = TypeVar("Placed", bound=MemberProjection[Any] | Tally)


def placed(projection: Placed, checkpoint: Checkpoint) -> Placed:
    """The projection with the tables that it has under this checkpoint: a switch gives them other names.

    Whoever writes holds the checkpoint, so that nobody writes into the tables of another version.
    """
    return placed_as(projection, active=checkpoint.active)


def placed_as(projection: Placed, *, active: bool) -> Placed:
    """*active*: it is the version that has the declared names."""
    there = copy(projection)
    if isinstance(there, Tally):
        there.table = _table(there.table, there.version, active)
    else:
        there.tables = tuple(_table(table, there.version, active) for table in there.tables)
        there.rollups = {name: placed_rollup(each, active=active) for name, each in there.rollups.items()}
    return there


@cache
def _table(table: Table, version: int, active: bool) -> Table:
    return replace(
        table, place=table.name if active else own_name(table.name, version), shadow=shadow_name(table.name, version)
    )


def placed_rollup(rollup: Rollup, *, active: bool) -> Rollup:
    if active:
        return replace(rollup, place=rollup.name, source=rollup.table)
    return replace(rollup, place=own_name(rollup.name, rollup.version), source=own_name(rollup.table, rollup.version))


def own_name(table: str, version: int) -> str:
    """Of a table of a version that has not the declared names. No declared name has an @."""
    return _fitting(f"{table}@{version}")


def shadow_name(table: str, version: int) -> str:
    """Of the table in which a replay of that version collects rows."""
    return _fitting(f"rebuild_{table}@{version}")


def _fitting(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}@{sha256(name.encode()).hexdigest()[:8]}"
