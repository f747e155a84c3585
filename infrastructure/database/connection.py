"""Connections: every process takes the role with the least it needs."""

import errno
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from temple_ledger.domain.errors import DatabaseUnavailable, GrantMissing, Refused, RoleNotGranted, SchemaMismatch
from temple_ledger.infrastructure.database.dsn import fault_of, unreadable
from temple_ledger.infrastructure.database.own_session import CLIENT_ENCODING, SETTINGS, as_options, settle
from temple_ledger.infrastructure.database.statements import statement

logger = logging.getLogger(__name__)


class DatabaseRole(StrEnum):
    """LOGIN is whoever the DSN says: for migrations, and for nothing else."""

    LOGIN = ""
    OWNER = "temple_owner"
    APPEND = "temple_append"
    TRANSLATE = "temple_translate"
    TOKENS = "temple_tokens"
    PROJECT = "temple_project"
    DELIVER = "temple_deliver"
    READ = "temple_read"
    SEAL = "temple_seal"
    OPERATE = "temple_operate"


FORMER: Final = {DatabaseRole.SEAL: DatabaseRole.PROJECT}
"""What a login that was granted its roles before this one was there goes on as; it is logged, with the grant."""

READING: Final = frozenset({DatabaseRole.LOGIN, DatabaseRole.READ})
"""Those that may be taken on a standby; whoever writes as LOGIN asks for the primary."""
TO_THE_PRIMARY: Final = (
    "set TEMPLE_DATABASE_URL to the primary, and TEMPLE_READ_URL to the standby for the commands that only read"
)


class IsStandby(DatabaseUnavailable):
    """Where somebody wants to write, or has to see who writes."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is a standby, which takes no writes; {TO_THE_PRIMARY}")


CONNECT_SECONDS: Final = 10
IDLE_IN_TRANSACTION_MS: Final = {
    # a runner that froze inside a batch lets go of the checkpoint before its lease ends
    DatabaseRole.PROJECT: 8_000,
    # a stuck appender holds up readers, never other appenders
    DatabaseRole.APPEND: 30_000,
    DatabaseRole.TRANSLATE: 30_000,
    # a stuck sealer would hold up erasures and retractions
    DatabaseRole.SEAL: 30_000,
}
LOCK_TIMEOUT_MS: Final = {
    DatabaseRole.APPEND: 5_000,
    DatabaseRole.TRANSLATE: 5_000,
    DatabaseRole.PROJECT: 30_000,
    DatabaseRole.SEAL: 5_000,
}

# Connection, resources, cancellation, locks and a server that takes no writes for a while: the whole transaction may
# be tried again.
_PASSING: Final = frozenset({"25006", "25P03", "40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "58030"})
_PASSING_CLASSES: Final = ("08", "53")
_SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT})
"""The machine has no descriptor, no memory or no room left: nobody's fault, and over one day."""
_NO_THREAD: Final = "can't start new thread"
"""Python's own words for the same of threads; there is no other mark of it."""

_POOLED: Final = (
    "there is a pooler in between (such as pgbouncer), which does not preserve the role and the session that the "
    "ledger needs; connect to PostgreSQL itself, usually on port 5432"
)
_IN_WORDS: Final = {
    "25006": "the database takes no writes now: a standby, or default_transaction_read_only is on; connect to the "
    "primary",
    "25P03": "the database ended a transaction that was idle for long; try again",
    "26000": _POOLED,
    "3F000": "the schema public is missing; run as its owner: create schema public authorization pg_database_owner",
    "42P05": _POOLED,
    "55P03": "somebody else holds what is needed, and did not let go in time; try again",
    "57014": "the database cancelled the statement: somebody or a time limit ended it; try again",
}


@dataclass(frozen=True)
class Database:
    """Where the ledger is. `name` is how it is called in messages: never the DSN, which may hold a password.

    `cursors` is the class of the cursors that connections make; None for the driver's own. `check` looks at each new
    connection before anybody uses it, and may raise. With `primary_only` a standby is refused for those who read, too:
    what they read, they need to see as it is. `waits_for_writes`: whether patience is for a database too that takes no
    writes from the start, which may pass; one task that somebody waits for ends with the reason.
    """

    dsn: str
    name: str = "the database"
    cursors: type[psycopg.Cursor[Any]] | None = None
    check: Callable[[psycopg.Connection], None] | None = None
    connect_seconds: int = CONNECT_SECONDS
    primary_only: bool = False
    waits_for_writes: bool = True

    def connect(
        self, role: DatabaseRole, *, application: str = "temple", autocommit: bool = True
    ) -> psycopg.Connection:
        """Raises DatabaseUnavailable, also for a role that writes on a standby; SchemaMismatch when the role is not
        there yet, or not granted; Refused behind a pooler.
        """
        try:
            return self._connected(role, application, autocommit)
        except SchemaMismatch as mismatch:
            if role not in FORMER:
                raise
            try:
                connection = self._connected(FORMER[role], application, autocommit)
            except SchemaMismatch:
                raise mismatch from None
            logger.warning("working as %s for now: %s", FORMER[role].value, mismatch)
            return connection

    def look(self, *, application: str) -> psycopg.Connection:
        """As temple_read, or as the login itself where that role is not there yet. Raises RoleNotGranted."""
        try:
            return self.connect(DatabaseRole.READ, application=application)
        except RoleNotGranted:
            raise
        except SchemaMismatch:
            return self.connect(DatabaseRole.LOGIN, application=application)

    def conninfo(self, role: DatabaseRole, *, application: str) -> str:
        """The same connection for another driver on libpq. It may hold a password."""
        return make_conninfo(
            self.dsn,
            options=self._options_of(role),
            client_encoding=CLIENT_ENCODING,
            application_name=application,
            connect_timeout=CONNECT_SECONDS,
        )

    def _connected(self, role: DatabaseRole, application: str, autocommit: bool) -> psycopg.Connection:
        try:
            connection = psycopg.connect(
                self.dsn,
                autocommit=True,
                options=self._options_of(role),
                client_encoding=CLIENT_ENCODING,
                application_name=application,
                connect_timeout=self.connect_seconds,
                cursor_factory=self.cursors,
            )
        except psycopg.OperationalError as error:
            raise _cannot_connect(self.name, role, error) from None
        except (psycopg.ProgrammingError, UnicodeEncodeError):
            # the message of a malformed DSN repeats parts of it
            raise unreadable(self.name, fault_of(self.dsn)) from None
        try:
            standby = _in_own_session(self.name, role, connection)
            if standby and (self.primary_only or role not in READING):
                raise IsStandby(self.name)
            if self.check is not None:
                self.check(connection)
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
        return connection

    def _options_of(self, role: DatabaseRole) -> str:
        given = str(conninfo_to_dict(self.dsn).get("options") or "")
        return f"{given} {_options(role)}".strip()


def passes(error: BaseException) -> bool:
    """Whether the same transaction, tried again as a whole, may well succeed."""
    if isinstance(error, OSError):
        return error.errno in _SHORTAGES
    if isinstance(error, RuntimeError):
        return str(error) == _NO_THREAD
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    if state == "0A000":
        # a statement that was prepared before a switch gave the table's name to one with other types
        return error.diag.source_function == "RevalidateCachedQuery"
    return state in _PASSING or state[:2] in _PASSING_CLASSES


def passes_on(connection: psycopg.Connection[Any], error: psycopg.Error) -> bool:
    """The same on this very connection: a session that began as read-only stays so."""
    return passes(error) and not connection.closed and not isinstance(error, psycopg.errors.ReadOnlySqlTransaction)


@contextmanager
def database_errors(what: str) -> Iterator[None]:
    """Turns the driver's errors into one sentence: "WHAT: …". Never with the row in it: constraints repeat rows."""
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise SchemaMismatch(f"{what}: tables are missing; run: temple db migrate") from error
    except psycopg.errors.UndefinedColumn as error:
        raise SchemaMismatch(
            f"{what}: a table has other columns than this version declares; for what to do, run: temple db migrate"
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise GrantMissing(f"{what}: {in_words(error)}") from error
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"{what}: {in_words(error)}") from error


def reason_of(error: Exception) -> str:
    """Why the database did not answer, in a line: of the driver's errors only those that never repeat a row."""
    if not isinstance(error, psycopg.Error):
        return str(error)
    if not passes(error):
        return in_words(error)
    return (error.diag.message_primary or str(error)).strip().partition("\n")[0] or in_words(error)


def in_words(error: psycopg.Error) -> str:
    """What happened, in a sentence: never the driver's own message, which may repeat the row."""
    state = error.sqlstate
    if state in _IN_WORDS:
        return _IN_WORDS[state]
    if state == "42501":
        # names an object, and no value
        return f"the database refused ({error.diag.message_primary}): a grant is missing; run: temple doctor"
    if state is not None and state[:2] == "53":
        # names a file, a limit or a size, and no value
        return f"the database has run into a limit ({error.diag.message_primary}); see to that, then try again"
    constraint = f", {error.diag.constraint_name}" if error.diag.constraint_name else ""
    label = "connection lost" if state is None else f"SQLSTATE {state}{constraint}"
    if isinstance(error, psycopg.OperationalError) or passes(error):
        return f"the database did not answer ({label}); try again"
    return f"the database refused ({label})"


def _in_own_session(name: str, role: DatabaseRole, connection: psycopg.Connection) -> bool:
    """That the session is ours alone, with what we asked for at its start: a pooler gives each transaction another.

    Whether it is one with a standby. Raises Refused, and DatabaseUnavailable when the connection is lost meanwhile.
    """
    try:
        with psycopg.Cursor(connection) as cursor:
            row = cursor.execute(statement("session_own")).fetchone()
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"cannot reach {name}: {in_words(error)}") from None
    pid, taken, standby, found = row or (0, "", False, ())
    if pid != connection.info.backend_pid or (role is not DatabaseRole.LOGIN and taken != role.value):
        raise Refused(f"{name}: {_POOLED}")
    settle(connection, found)
    return bool(standby)


def _options(role: DatabaseRole) -> str:
    settings = dict(SETTINGS)
    if role is not DatabaseRole.LOGIN:
        settings["role"] = role.value
    if role in IDLE_IN_TRANSACTION_MS:
        settings["idle_in_transaction_session_timeout"] = str(IDLE_IN_TRANSACTION_MS[role])
    if role in LOCK_TIMEOUT_MS:
        settings["lock_timeout"] = str(LOCK_TIMEOUT_MS[role])
    return as_options(settings)


def _cannot_connect(name: str, role: DatabaseRole, error: psycopg.OperationalError) -> Exception:
    text = str(error)
    if role is not DatabaseRole.LOGIN and f'role "{role.value}" does not exist' in text:
        if role in FORMER:
            return SchemaMismatch(f"{name} has no role {role.value} yet; run: temple db migrate")
        return SchemaMismatch(f"{name} has no tables of ours yet; run: temple db migrate")
    if f'permission denied to set role "{role.value}"' in text:
        login = error.pgconn.user.decode() if error.pgconn is not None else "LOGIN"
        return RoleNotGranted(f"{name}: {not_granted([role.value], login)}")
    if "unsupported startup parameter" in text:
        return Refused(f"{name}: {_POOLED}")
    # the first line says what failed; what follows asks questions, or lists the other addresses
    first = text.strip().partition("\n")[0].removeprefix("connection failed: ").removeprefix("connection is bad: ")
    return DatabaseUnavailable(f"cannot reach {name}: {first or 'no reason given'}")


def not_granted(roles: Sequence[str], login: str) -> str:
    """With the SQL to type. Of the owner's role, which is for no service and no operator, first what else to do."""
    what = f"the login {login} may not act as {', '.join(roles)}"
    if DatabaseRole.OWNER.value in roles:
        what += "; use the login that migrates, whose it is"
    return f"{what}; as a superuser, or as who created that role, run: {grant_sql(roles, login)}"


def grant_sql(roles: Sequence[str], login: str) -> str:
    """For psql, as it is shown to people."""
    quoted = login.replace('"', '""')
    return f'grant {", ".join(roles)} to "{quoted}";'
