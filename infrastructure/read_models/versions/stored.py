"""The versions of a projection that a ledger has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.handover import Pair
from temple_ledger.infrastructure.database.rollups import stored_rollups
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.placing import own_name

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class StoredVersion:
    """`tables` and `rollups` are the declared names. `active`: it has these names, so that readers see its rows."""

    key: ProjectionKey
    position: Position
    active: bool
    state: ProjectionState
    tables: Sequence[str]
    rollups: Sequence[str] = ()
    furthest: Position = START
    """Of one that is split, where its first lane stands."""


@dataclass(frozen=True)
class StoredVersions:
    name: str
    versions: Sequence[StoredVersion]

    @property
    def active(self) -> StoredVersion:
        return next(each for each in self.versions if each.active)

    def of(self, version: int) -> StoredVersion:
        """Raises UnknownName."""
        for each in self.versions:
            if each.key.version == version:
                return each
        there = tuple(str(each.key) for each in self.versions)
        raise UnknownName("version in this ledger", f"{self.name}@{version}", there)


def stored_versions(connection: Connection, name: str, *, lock: bool = False) -> StoredVersions:
    """With *lock*, held until the transaction ends. Raises UnknownName where the ledger has nothing of it."""
    if lock:
        _hold(connection, name)
    found = connection.execute(statement("version_read"), {"projection": name}).fetchall()
    versions = [
        StoredVersion(
            ProjectionKey(name, version),
            Position(position),
            active,
            ProjectionState(state),
            tables,
            [rollup.name for rollup in stored_rollups(connection, name, version)],
            Position(furthest),
        )
        for version, position, active, state, tables, furthest in found
    ]
    if not any(each.active for each in versions):
        raise UnknownName("projection in this ledger", name)
    return StoredVersions(name, versions)


def _hold(connection: Connection, name: str) -> None:
    """Until the transaction ends. The lanes of what is split stand still only after that: they are read afterwards."""
    for version, split in connection.execute(statement("version_lock"), {"projection": name}).fetchall():
        if split:
            # its steps hold lanes, and have looked up its tables
            connection.execute(statement("lane_exclude"), ProjectionKey(name, version).parameters)


def pairs_of(old: StoredVersion, new: StoredVersion) -> list[Pair]:
    """The tables of both, by their declared names. Raises Refused for a version whose tables nobody wrote down."""
    for each in (old, new):
        if not each.tables:
            raise Refused(
                f"which tables {each.key} has is not known; run temple db migrate with the release that has its code"
            )
    return [
        Pair(
            name,
            own_name(name, old.key.version) if name in of_old else None,
            own_name(name, new.key.version) if name in of_new else None,
            kind,
        )
        # the views first: whoever reads one holds it before it holds the table
        for kind, of_old, of_new in (("view", old.rollups, new.rollups), ("table", old.tables, new.tables))
        for name in dict.fromkeys((*of_old, *of_new))
    ]
