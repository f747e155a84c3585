"""Numbered migrations, forward only, each in a transaction of its own, applied under one lock."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import psycopg

from temple_ledger.domain.errors import DatabaseUnavailable, Refused, SchemaMismatch
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database import adoption, canon
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, IsStandby
from temple_ledger.infrastructure.database.roles import (
    FIRST,
    OWNER,
    grant_lacking_roles,
    grant_schema,
    public_keeps_temporary_tables,
    require_roles,
)
from temple_ledger.infrastructure.database.statements import statement

_LOCK: Final = 0x7E3A_1ED6
"""Key of the advisory lock that migrations take; it guards against haste, not against wrong rows."""

AS_LOGIN: Final = frozenset({1, 17, 31})
"""Migrations that create roles or change the rights of the database itself, which temple_owner may not."""

OLDEST_SERVER: Final = 150_000

ADOPTING: Final = frozenset({1, 2, 3})
"""Those that make what the canon has too: where its tables are in use, one transaction, with their rows."""

ADOPTED: Final = ", with what was there"
"""Said of each migration of a database that had the canon's tables in use."""


@dataclass(frozen=True)
class Migration:
    number: int
    name: str
    text: bytes

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text).hexdigest()


def packaged() -> tuple[Migration, ...]:
    """Those of this version of the code, in order."""
    found = [each for each in files("temple_ledger.sql").joinpath("migrations").iterdir() if each.name.endswith(".sql")]
    return tuple(
        Migration(int(each.name[:4]), each.name.removesuffix(".sql"), each.read_bytes())
        for each in sorted(found, key=lambda each: each.name)
    )


def is_ours(connection: psycopg.Connection) -> bool:
    row = connection.execute("select to_regclass('ledger_migration') is not null").fetchone()
    return row is not None and bool(row[0])


def applied(connection: psycopg.Connection) -> dict[int, tuple[str, str]]:
    """Number to (name, checksum); empty for a database that is not ours yet."""
    if not is_ours(connection):
        return {}
    rows = connection.execute("select number, name, checksum from ledger_migration order by number")
    return {number: (name, checksum) for number, name, checksum in rows}


def check(migrations: Sequence[Migration], done: dict[int, tuple[str, str]]) -> Sequence[Migration]:
    """What is still to do. Raises SchemaMismatch when the database is newer than the code, or differs."""
    by_number = {each.number: each for each in migrations}
    for number, (name, checksum) in done.items():
        known = by_number.get(number)
        if known is None:
            raise SchemaMismatch(
                f"the database has migration {name}, which this version does not know: "
                "it was migrated by a newer version; update Temple Ledger here too"
            )
        if known.checksum != checksum:
            raise SchemaMismatch(
                f"migration {name} was applied with another text than this version has; "
                "a landed migration is never edited: restore its file"
            )
    return [each for each in migrations if each.number not in done]


def migrate(database: Database, migrations: Sequence[Migration] | None = None) -> Sequence[str]:
    """Applies what is missing and returns its names. Several processes may call this at once.

    Raises SchemaMismatch, Refused for tables that cannot be adopted and for a login that may not do this,
    and DatabaseUnavailable.
    """
    known = packaged() if migrations is None else migrations
    names: list[str] = []
    with database.connect(DatabaseRole.LOGIN, application="temple migrate") as connection:
        connection.execute("set lock_timeout = '30s'")
        while True:
            with _refusals(), connection.transaction():
                connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
                _require_suitable_database(connection)
                grant_lacking_roles(connection, needed=(OWNER,) if is_ours(connection) else FIRST)
                done = _applied_as_owner(connection)
                todo = check(known, done)
                if not todo:
                    return names
                if not done and adoption.is_canon(connection):
                    names += _adopt(connection, [each for each in todo if each.number in ADOPTING])
                elif done and _trigger_is_on(connection):
                    names += _apply_with_canon(connection, todo)
                else:
                    _apply(connection, todo[0])
                    names.append(todo[0].name)


def pending(connection: psycopg.Connection) -> Sequence[str]:
    """Names of the migrations that are still to be applied. Raises SchemaMismatch as `check` does."""
    return [each.name for each in check(packaged(), applied(connection))]


def require_current(connection: psycopg.Connection) -> None:
    """Raises SchemaMismatch unless the database has exactly the migrations of this code."""
    waiting = pending(connection)
    if waiting:
        number = plural(len(waiting), "migration")
        raise SchemaMismatch(f"the database is {number} behind ({waiting[0]}); run: temple db migrate")


def _adopt(connection: psycopg.Connection, migrations: Sequence[Migration]) -> Sequence[str]:
    """The login has to own the canon's tables; ours belong to temple_owner from the beginning."""
    roles, *tables = migrations
    adoptable = adoption.looked_over(connection)
    _apply(connection, roles)
    connection.execute("set local role none")
    adoption.set_aside(connection)
    for migration in tables:
        _apply(connection, migration)
    adoption.take_over(connection, adoptable)
    connection.execute("set local role none")
    adoption.finish(connection)
    return [f"{migration.name}{ADOPTED}" for migration in migrations]


def _trigger_is_on(connection: psycopg.Connection) -> bool:
    connection.execute("set local role temple_owner")
    there = connection.execute("select to_regclass('projection_checkpoint') is not null").fetchone()
    on = there == (True,) and connection.execute(statement("canon_in_use")).rowcount > 0
    connection.execute("set local role none")
    return on


def _apply_with_canon(connection: psycopg.Connection, todo: Sequence[Migration]) -> Sequence[str]:
    """In trigger mode every append runs the canon, which stands on these tables: both change at once, or neither."""
    connection.execute("set local role temple_owner")
    connection.execute(statement("trigger_hold_appenders"))
    connection.execute("set local role none")
    for migration in todo:
        _apply(connection, migration)
    canon.install(connection)
    return [migration.name for migration in todo]


def _applied_as_owner(connection: psycopg.Connection) -> dict[int, tuple[str, str]]:
    """Not as the login, which may inherit nothing from the roles that it may take."""
    if connection.execute("select from pg_roles where rolname = 'temple_owner'").rowcount:
        connection.execute("set local role temple_owner")
    done = applied(connection)
    connection.execute("set local role none")
    return done


def _require_suitable_database(connection: psycopg.Connection) -> None:
    """Raises Refused."""
    row = connection.execute(
        "select current_setting('server_version_num')::integer, current_setting('server_encoding'), "
        "current_database(), quote_ident(session_user), pg_is_in_recovery()"
    ).fetchone()
    version, encoding, name, login, standby = row or (0, "", "", "", False)
    if standby:
        raise IsStandby(f"the database {name}")
    if version < OLDEST_SERVER:
        raise Refused(f"PostgreSQL {version // 10_000} is too old for the ledger; use 15 or newer")
    if encoding != "UTF8":
        raise Refused(
            f"the database {name} is in {encoding}, which cannot store every name; make one in UTF8: "
            f"create database NAME owner {login} encoding 'UTF8' template template0;"
        )


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.DependentObjectsStillExist) as error:
        raise Refused(
            f"the database cannot be migrated by this login ({error.diag.message_primary}); "
            "migrate as a superuser, or as who owns the database and its tables and may create roles"
        ) from error
    except psycopg.errors.LockNotAvailable as error:
        raise DatabaseUnavailable("the database cannot be migrated: somebody holds a table; try again") from error


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    if migration.number in AS_LOGIN:
        require_roles(connection)
    else:
        connection.execute("set local role temple_owner")
    with public_keeps_temporary_tables(connection) if migration.number == 1 else nullcontext():
        connection.execute(migration.text)
    if migration.number in AS_LOGIN:
        connection.execute("set local role none")
        grant_lacking_roles(connection)
        grant_schema(connection)
        connection.execute("set local role temple_owner")
    connection.execute(
        """
        create table if not exists ledger_migration (
            number integer primary key,
            name text not null,
            checksum text not null,
            applied_at timestamptz not null default clock_timestamp()
        )
        """
    )
    connection.execute("grant select on ledger_migration to temple_append, temple_project, temple_read")
    connection.execute(
        "insert into ledger_migration (number, name, checksum) values (%s, %s, %s)",
        (migration.number, migration.name, migration.checksum),
    )
