"""A database that has the canon's tables in use: looked over, and taken in as it would have been made here.

Its tables are set aside, ours are made by the same migrations as everywhere, and the rows are copied: so an
adopted ledger differs in nothing from another. The derived rows are taken over as they are; where they are
wrong, they are drift until the first replay. Costs about what an import of the log costs, twice its room on
disk meanwhile, and appends wait. All of it is one transaction: after a failure everything is as it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.statements import statement

Connection = psycopg.Connection[Any]

LOG: Final = "webhook_audit_log"
ROLES: Final = "discord_user_current_roles"
STATUS: Final = "temple_member_status"

APPENDED: Final = "event_id, timestamp, event_type, user_id, action, target, metadata, source"
"""The columns that somebody who may append may give."""


@dataclass(frozen=True)
class _Column:
    """`type` as PostgreSQL spells it; a text of any declared length will do where the values fit `length`."""

    type: str
    length: int | None = None
    null: bool = False


def _text(length: int, *, null: bool = False) -> _Column:
    return _Column("character varying", length, null)


def _time(*, null: bool = True) -> _Column:
    return _Column("timestamp with time zone", null=null)


@dataclass(frozen=True)
class _Table:
    columns: Mapping[str, _Column]
    keys: tuple[str, ...]


CANON: Final[Mapping[str, _Table]] = {
    LOG: _Table(
        {
            "id": _Column("bigint"),
            "event_id": _Column("uuid"),
            "timestamp": _time(null=False),
            "event_type": _text(50),
            "user_id": _text(100),
            "action": _text(50),
            "target": _text(100, null=True),
            "metadata": _Column("jsonb", null=True),
            "source": _text(50),
            "processed_at": _time(),
        },
        keys=("id", "event_id"),
    ),
    ROLES: _Table(
        {
            "user_id": _text(100),
            "role": _text(100),
            "granted_at": _time(null=False),
            "granted_by": _text(100, null=True),
            "last_verified": _time(),
        },
        keys=("user_id, role",),
    ),
    STATUS: _Table(
        {
            "user_id": _text(100),
            "discord_joined_at": _time(),
            "patreon_tier": _text(50, null=True),
            "total_roles_count": _Column("integer", null=True),
            "last_activity": _time(),
            "status": _text(20, null=True),
            "last_sync": _time(),
        },
        keys=("user_id",),
    ),
}


@dataclass(frozen=True)
class _Found:
    """A table of the canon, as it is in the database."""

    name: str
    plain: bool
    types: Mapping[str, str]
    unique_keys: Sequence[str]
    triggers: Sequence[str]
    dependents: Sequence[str]


@dataclass(frozen=True)
class Adoptable:
    """A database that was looked over, and what has to be remembered of it until the end."""

    tables: frozenset[str]
    drawn: int
    grants: Mapping[str, Sequence[tuple[str, str]]]


def is_canon(connection: Connection) -> bool:
    """Whether a table with one of the canon's names is there. Asked of a database without our migrations."""
    row = connection.execute(
        "select exists (select from pg_class where relnamespace = 'public'::regnamespace and relname = any(%s))",
        (list(CANON),),
    ).fetchone()
    return row is not None and bool(row[0])


def looked_over(connection: Connection) -> Adoptable:
    """Holds the log, so that nothing that was looked at changes. Raises Refused, with the first reason."""
    found = {
        name: _Found(name, plain, dict(zip(columns, types, strict=True)), *rest)
        for name, plain, columns, types, *rest in connection.execute(statement("adopt_tables"), {"tables": list(CANON)})
    }
    if LOG not in found:
        raise _refusal(f"it has a table {min(found)} but no {LOG}")
    for name in CANON:
        if name in found:
            _require_shape(found[name])
    connection.execute("lock table public.webhook_audit_log in access exclusive mode")
    for name in found:
        _require_rows_that_fit(connection, found[name])
    grants = {
        name: connection.execute(statement("adopt_grants"), {"table": f"public.{name}"}).fetchall() for name in found
    }
    return Adoptable(frozenset(found), _drawn(connection), grants)


def set_aside(connection: Connection) -> None:
    """As the login that owns the tables; from here on, their names are free."""
    connection.execute(statement("adopt_set_aside"))


def take_over(connection: Connection, adoptable: Adoptable) -> None:
    """As temple_owner, into the tables that the migrations have made meanwhile."""
    connection.execute(statement("adopt_log"))
    if ROLES in adoptable.tables:
        connection.execute(statement("adopt_roles"))
    if STATUS in adoptable.tables:
        connection.execute(statement("adopt_status"))
    connection.execute(statement("adopt_positions"), {"drawn": adoptable.drawn})
    for table, grants in adoptable.grants.items():
        for grantee, privilege in grants:
            if privilege == "SELECT":
                _grant(connection, "select", table, grantee)
            elif table == LOG:
                _grant(connection, f"insert ({APPENDED})", table, grantee)


def finish(connection: Connection) -> None:
    """As the login again."""
    connection.execute(statement("adopt_finish"))


def _require_shape(found: _Found) -> None:
    canon = CANON[found.name]
    if not found.plain:
        raise _refusal(f"{found.name} is no plain table (a view, partitioned, or with row security)")
    for name, wanted in canon.columns.items():
        there = found.types.get(name)
        if there is None:
            raise _refusal(f"{found.name} has no column {name}")
        if not _same_type(wanted, there):
            raise _refusal(f"{found.name}.{name} is {there}, not {wanted.type}")
    more = sorted(found.types.keys() - canon.columns.keys())
    if more:
        raise _refusal(f"{found.name} has a column {more[0]}, which would be lost: keep it in a table of its own")
    missing = [key for key in canon.keys if key not in found.unique_keys]
    if missing:
        raise _refusal(f"{found.name} has no unique index on ({missing[0]})")
    if found.triggers:
        raise _refusal(f"{found.name} has a trigger {found.triggers[0]}, which would be lost: drop it first")
    if found.dependents:
        raise _refusal(f"{found.dependents[0]} depends on {found.name}: drop it, and make it again afterwards")


def _same_type(wanted: _Column, there: str) -> bool:
    if wanted.length is None:
        return there == wanted.type
    return there == "text" or there.startswith("character varying")


def _require_rows_that_fit(connection: Connection, found: _Found) -> None:
    """One walk over the table, for all of what may be wrong with its rows."""
    rules = list(_rules(found))
    name = sql.Identifier("public", found.name)
    questions = sql.SQL(", ").join(sql.SQL("count(*) filter (where {})").format(broken) for _, broken in rules)
    counts = connection.execute(sql.SQL("select {} from {}").format(questions, name)).fetchone()
    for (said, broken), count in zip(rules, counts or (), strict=True):
        if count:
            raise _refusal(f"{found.name} has {count:,} rows {said}{_example(connection, found, broken)}")


def _rules(found: _Found) -> Iterator[tuple[str, sql.Composable]]:
    """What is said of the rows that break a rule, and how they are found."""
    for name, column in CANON[found.name].columns.items():
        identifier = sql.Identifier(name)
        if not column.null:
            yield f"without a {name}", sql.SQL("{} is null").format(identifier)
        if column.length is not None:
            longer = sql.SQL("length({}) > {}").format(identifier, sql.Literal(column.length))
            yield f"with more than {column.length} characters in {name}", longer
    if found.name == LOG:
        yield "with an id below 1", sql.SQL("id < 1")


def _example(connection: Connection, found: _Found, broken: sql.Composable) -> str:
    if found.name != LOG:
        return ""
    first = connection.execute(
        sql.SQL("select min(id) from public.webhook_audit_log where {}").format(broken)
    ).fetchone()
    return "" if first is None else f", the first with id {first[0]}"


def _drawn(connection: Connection) -> int:
    """The last position that the canon's sequence has given."""
    row = connection.execute("select pg_get_serial_sequence('public.webhook_audit_log', 'id')").fetchone()
    if row is None or row[0] is None:
        return 0
    schema, name = row[0].replace('"', "").split(".", 1)
    given = connection.execute(
        sql.SQL("select last_value from {} where is_called").format(sql.Identifier(schema, name))
    ).fetchone()
    return 0 if given is None else int(given[0])


def _grant(connection: Connection, what: str, table: str, grantee: str) -> None:
    whom = sql.SQL("public") if grantee == "public" else sql.Identifier(grantee)
    connection.execute(sql.SQL("grant {} on public.{} to {}").format(sql.SQL(what), sql.Identifier(table), whom))


def _refusal(why: str) -> Refused:
    return Refused(f"the database has tables of its own that cannot be adopted: {why}; nothing was changed")
