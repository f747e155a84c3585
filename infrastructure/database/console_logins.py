"""The logins of the console: each is a member of the roles that it needs, and of nothing else.

A wider login that took a role by SET ROLE would have its rights back after one injected RESET ROLE.
"""

from collections.abc import Collection
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement

READER: Final = "temple_console"
SIGN_IN: Final = "temple_console_sign_in"
ACTIONS: Final = "temple_console_actions"
ROLES_OF: Final = {
    READER: ("temple_read",),
    SIGN_IN: ("temple_web",),
    ACTIONS: ("temple_operate", "temple_project", "temple_read"),
}

Connection = psycopg.Connection[Any]


def make_console_logins(database: Database) -> None:
    """On a server of our own, whose clients are known by their account: the logins have no password."""
    with database.connect(DatabaseRole.LOGIN, application="temple web") as connection:
        connection.execute(statement("console_logins"))


def as_login(database: Database, login: str) -> Database:
    """The same database, for this login."""
    return Database(make_conninfo(database.dsn, user=login), database.name)


def require_only(connection: Connection, roles: Collection[str]) -> None:
    """Raises Refused where the login may do more than *roles* may, or is no member of one of them."""
    row = connection.execute(statement("console_login_rights")).fetchone()
    login, superior, found = row if row is not None else ("", False, [])
    if superior or sorted(found) != sorted(roles):
        may = (
            "is a superuser, or may make roles or databases"
            if superior
            else f"is a member of {', '.join(found) or 'nothing'}"
        )
        raise Refused(
            f"the console does not start: its login {login} {may}; it has to be a member of {', '.join(roles)} and of "
            "nothing else (docs/console.md has the SQL)"
        )
