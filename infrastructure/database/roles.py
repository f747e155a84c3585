"""Which of our roles a login may take, and the SQL that gives it those it lacks."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import sql

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import grant_sql, not_granted
from temple_ledger.infrastructure.database.statements import statement

OWNER: Final = "temple_owner"
FIRST: Final = (OWNER, "temple_append", "temple_project", "temple_read")
"""Those that 0001 grants, and fails where the login may not."""

ROLES: Final = (
    OWNER,
    "temple_append",
    "temple_translate",
    "temple_tokens",
    "temple_project",
    "temple_deliver",
    "temple_read",
    "temple_web",
    "temple_seal",
    "temple_operate",
)
"""The whole list; docs/database-roles.md says who takes which, and what each may do."""

Connection = psycopg.Connection[Any]


def grant_lacking_roles(connection: Connection, *, needed: Collection[str] = (OWNER,)) -> None:
    """So that the login which migrates may take each of our roles that is there, if it may grant them itself.

    Raises Refused, with the SQL to type, where it cannot and is *needed*: nothing is migrated without.
    """
    lacking = lacking_roles(connection)
    if not lacking:
        return
    login = connection.info.user
    grant = sql.SQL("grant {} to {}").format(_listed(lacking), sql.Identifier(login))
    try:
        with connection.transaction():
            connection.execute(grant)
    except psycopg.errors.InsufficientPrivilege:
        wanted = [name for name in lacking if name in needed]
        if wanted:
            raise Refused(not_granted(wanted, login)) from None


def require_roles(connection: Connection) -> None:
    """Raises Refused, with the SQL to type, where roles are missing and this login may not create them."""
    missing = [name for (name,) in connection.execute(statement("roles_missing"), {"roles": list(ROLES)})]
    if missing:
        create = " ".join(f"create role {name} nologin;" for name in missing)
        if "temple_translate" in missing:
            create += " grant temple_append to temple_translate;"
        login = connection.info.user
        raise Refused(
            f"the login {login} may not create the roles of the ledger; as a superuser run: "
            f"{create} {grant_sql(missing, login)}"
        )


def grant_schema(connection: Connection) -> None:
    """So that our roles reach the schema public; in a transaction or not. Raises Refused, with the SQL to type."""
    if not _outside_schema(connection):
        return
    roles = [name for (name,) in connection.execute("select rolname::text from pg_roles") if name in ROLES]
    grants = f"grant usage, create on schema public to {OWNER}; grant usage on schema public to {', '.join(roles)};"
    with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
        # whoever owns the database is a member, also one that inherits nothing
        connection.execute("set local role pg_database_owner")
        connection.execute(grants.encode())
        connection.execute("set local role none")
    if _outside_schema(connection):
        raise Refused(
            "the schema public does not belong to who owns this database; in it, as a superuser, run: "
            "alter schema public owner to pg_database_owner;"
        )


@contextmanager
def public_keeps_temporary_tables(connection: Connection) -> Iterator[None]:
    """0001 takes from everybody the right to make temporary tables: ours to say in a database of ours alone."""
    had = connection.execute(statement("public_makes_temporary_tables")).fetchone()
    yield
    if had == (True,):
        connection.execute(statement("public_temporary_tables"))


def create_roles(connection: Connection, names: Sequence[str]) -> Sequence[str]:
    """Those that are missing, without the right to log in; which they were."""
    found = connection.execute("select rolname::text from pg_roles where rolname = any(%s)", (list(names),))
    there = {name for (name,) in found}
    missing = [name for name in dict.fromkeys(names) if name not in there]
    for name in missing:
        connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))
        if name not in ROLES:
            # what belongs to it is given to it by this login
            connection.execute(sql.SQL("grant {} to session_user").format(sql.Identifier(name)))
    if "temple_translate" in missing:
        connection.execute("grant temple_append to temple_translate")
    return missing


def lacking_roles(connection: Connection) -> Sequence[str]:
    """Those that are there and that this login may not take."""
    return [name for (name,) in connection.execute(statement("roles_lacking"), {"roles": list(ROLES)})]


def grants_of_older_logins(connection: Connection) -> Sequence[str]:
    """The SQL for logins that append, and lack the roles which took work over from temple_append."""
    found = connection.execute(statement("roles_of_older_logins"))
    return [grant_sql(roles, login) for login, roles in found]


def _outside_schema(connection: Connection) -> bool:
    row = connection.execute(statement("roles_outside_schema"), {"roles": list(ROLES)}).fetchone()
    return row is not None and bool(row[0])


def _listed(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
