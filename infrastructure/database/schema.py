"""A database brought up to date: migrations, then the tables and checkpoints of the projections that are installed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.infrastructure.database.canon import install
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.declared_tables import make_tables
from temple_ledger.infrastructure.database.effects import install_effects
from temple_ledger.infrastructure.database.migrations import migrate
from temple_ledger.infrastructure.database.roles import grants_of_older_logins
from temple_ledger.infrastructure.database.rollups import make_rollups
from temple_ledger.infrastructure.database.shadow_tables import make_shadow_tables
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.table_queries import has_rows
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.lanes import without_effects
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import members
from temple_ledger.projections.placing import placed_as
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import carried


class Unfitting(NamedTuple):
    projection: str
    reason: str


@dataclass(frozen=True)
class Changed:
    """`tables` are the names of tables, rollups and effects that were made, `made` the same as a person reads them.
    `grants` is SQL to type, for logins that were granted fewer roles than there are now; only after an upgrade.

    `refused` are projections of packages that were left as they were, each with the reason, while all else was done.
    `unfilled` are projections that are new beside others that have folded events, or whose tables have rows that were
    found there: a replay fills their tables.
    """

    migrations: tuple[str, ...]
    tables: tuple[str, ...]
    grants: tuple[str, ...] = ()
    unfilled: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    refused: tuple[Unfitting, ...] = ()


class _Made(NamedTuple):
    kind: str
    name: str
    beside_as: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}{self.beside_as}"


def bring_up_to_date(
    database: Database, projections: Iterable[Projection] | None = None, *, goes_on: bool = False
) -> Changed:
    """Idempotent; several processes may call it at once. *goes_on*: without a package's projection whose tables do not
    fit, which is then among the `refused` and stands still as failed. Raises SchemaMismatch, DatabaseUnavailable.
    """
    migrations = migrate(database)
    made: list[_Made] = []
    unfilled: list[str] = []
    refused: list[Unfitting] = []
    wanted = list(carried() if projections is None else projections)
    with database.connect(DatabaseRole.OWNER, application="temple migrate") as connection, connection.transaction():
        # two of us at once would both find a table missing
        connection.execute("lock table projection_checkpoint in share row exclusive mode")
        for projection in sorted(wanted, key=lambda each: each.version):
            try:
                # a savepoint: of one that does not fit, nothing is left
                with connection.transaction():
                    made += _bring_up_to_date(connection, projection, unfilled)
            except SchemaMismatch as mismatch:
                if not goes_on or projection in BUILT_IN:
                    raise
                values = {**projection.key.parameters, "reason": str(mismatch)}
                connection.execute(statement("checkpoint_unfitting"), values)
                refused.append(Unfitting(str(projection.key), str(mismatch)))
        if _reads_these_rules(connection):
            install(connection)
        grants = grants_of_older_logins(connection) if migrations else ()
    names = tuple(f"effect {each.name}" if each.kind == "effect" else each.name for each in made)
    return Changed(tuple(migrations), names, tuple(grants), tuple(unfilled), tuple(map(str, made)), tuple(refused))


def _reads_these_rules(connection: psycopg.Connection[Any]) -> bool:
    """Whether readers see the version of `members` that the SQL canon of this code is of: it changes with a switch."""
    versions = dict(connection.execute(statement("checkpoint_versions"), {"projection": members.name}).fetchall())
    return bool(versions.get(members.version, not versions))


def _require_no_lanes(connection: psycopg.Connection[Any], projection: Projection) -> None:
    """Raises SchemaMismatch for what a projection that is split cannot have yet."""
    if not isinstance(projection, MemberProjection) or not projection.effects:
        return
    if connection.execute(statement("checkpoint_is_split"), projection.key.parameters).fetchone() == (True,):
        raise SchemaMismatch(without_effects(str(projection.key)))


def _require_tables_of_nobody(connection: psycopg.Connection[Any], projection: Projection) -> None:
    """Raises SchemaMismatch for a new version with a table of another projection: who drops that one takes it along."""
    names = [table.name for table in projection.tables]
    values = {"projection": projection.name, "tables": names}
    for table, owner, version in connection.execute(statement("tables_of_others"), values):
        raise SchemaMismatch(
            f"table {table} of projection {projection.name} is that of projection {owner}: give it another name where "
            f"it is declared; or, where {owner} is what {projection.name} was called before, first run: "
            f"temple projection drop {owner}@{version} --apply"
        )


def _bring_up_to_date(connection: psycopg.Connection[Any], projection: Projection, unfilled: list[str]) -> list[_Made]:
    """Makes what is missing of this version: with the declared names where there is no other one yet, else beside it.

    A version that is lower than the one that readers see was dropped, or never made: it stays away.
    """
    versions = dict(connection.execute(statement("checkpoint_versions"), {"projection": projection.name}).fetchall())
    active = next((version for version, is_active in versions.items() if is_active), projection.version)
    if projection.version < active and projection.version not in versions:
        return []
    _require_no_lanes(connection, projection)
    if projection.version not in versions:
        _require_tables_of_nobody(connection, projection)
    there = placed_as(projection, active=projection.version == active)
    made = [_Made("table", name) for name in make_tables(connection, there, is_new=projection.version not in versions)]
    make_shadow_tables(connection, there)
    beside_as = "" if projection.version == active else f"@{projection.version}"
    made += [_Made("rollup", name, beside_as) for name in make_rollups(connection, there)]
    if projection.version not in versions:
        beside = projection.version != active
        values = {
            **projection.key.parameters,
            "active": not beside,
            "beside": beside,
            "has_rows": has_rows(connection, there.tables),
        }
        created = connection.execute(statement("checkpoint_create"), values).fetchone()
        if created == (ProjectionState.NEEDS_REPLAY,):
            unfilled.append(str(projection.key) if beside else projection.name)
    made += [_Made("effect", name) for name in install_effects(connection, projection)]
    names = [table.name for table in projection.tables]
    connection.execute(statement("checkpoint_tables"), {**projection.key.parameters, "tables": names})
    return made
