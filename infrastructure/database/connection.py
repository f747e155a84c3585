"""Connections: every process takes the role with the least it needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from temple_ledger.domain.errors import DatabaseUnavailable, SchemaMismatch


class DatabaseRole(StrEnum):
    """LOGIN is whoever the DSN says: for migrations, and for nothing else."""

    LOGIN = ""
    OWNER = "temple_owner"
    APPEND = "temple_append"
    PROJECT = "temple_project"
    READ = "temple_read"


CONNECT_SECONDS: Final = 10
IDLE_IN_TRANSACTION_MS: Final = {
    # a runner that froze inside a batch lets go of the checkpoint before its lease ends
    DatabaseRole.PROJECT: 8_000,
    # a stuck appender holds up readers, never other appenders
    DatabaseRole.APPEND: 30_000,
}
LOCK_TIMEOUT_MS: Final = {DatabaseRole.APPEND: 5_000, DatabaseRole.PROJECT: 30_000}

# Connection, resources, cancellation and locks: the whole transaction may be tried again.
_PASSING: Final = frozenset({"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "25P03", "58030"})
_PASSING_CLASSES: Final = ("08", "53")


@dataclass(frozen=True)
class Database:
    """Where the ledger is. `name` is how it is called in messages: never the DSN, which may hold a password.

    `cursors` is the class of the cursors that connections make; None for the driver's own.
    """

    dsn: str
    name: str = "the database"
    cursors: type[psycopg.Cursor[Any]] | None = None

    def connect(
        self, role: DatabaseRole, *, application: str = "temple", autocommit: bool = True
    ) -> psycopg.Connection:
        """Raises DatabaseUnavailable; SchemaMismatch when the role is not there yet."""
        try:
            options = f"{self._given_options()} {_options(role)}".strip()
            return psycopg.connect(
                self.dsn,
                autocommit=autocommit,
                options=options,
                application_name=application,
                connect_timeout=CONNECT_SECONDS,
                cursor_factory=self.cursors,
            )
        except psycopg.OperationalError as error:
            raise _cannot_connect(self.name, role, error) from None
        except psycopg.ProgrammingError:
            # the message of a malformed DSN repeats parts of it
            raise DatabaseUnavailable(
                f"the DSN of {self.name} cannot be read; write postgresql://user@host:port/name"
            ) from None

    def _given_options(self) -> str:
        return str(conninfo_to_dict(self.dsn).get("options") or "")


def passes(error: BaseException) -> bool:
    """Whether the same transaction, tried again as a whole, may well succeed."""
    if not isinstance(error, psycopg.Error):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    return state in _PASSING or state[:2] in _PASSING_CLASSES


@contextmanager
def database_errors(what: str) -> Iterator[None]:
    """Turns the driver's errors into one sentence: "WHAT: …". Never with the row in it: constraints repeat rows."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"{what}: the database did not answer ({_label(error)}); try again") from error
    except psycopg.errors.UndefinedTable as error:
        raise SchemaMismatch(f"{what}: tables are missing; run: temple db migrate") from error
    except psycopg.Error as error:
        raise DatabaseUnavailable(f"{what}: the database refused ({_label(error)})") from error


def _label(error: psycopg.Error) -> str:
    if error.sqlstate is None:
        return "connection lost"
    constraint = f", {error.diag.constraint_name}" if error.diag.constraint_name else ""
    return f"SQLSTATE {error.sqlstate}{constraint}"


def _options(role: DatabaseRole) -> str:
    settings = {"timezone": "UTC", "datestyle": "ISO"}
    if role is not DatabaseRole.LOGIN:
        settings["role"] = role.value
    if role in IDLE_IN_TRANSACTION_MS:
        settings["idle_in_transaction_session_timeout"] = str(IDLE_IN_TRANSACTION_MS[role])
    if role in LOCK_TIMEOUT_MS:
        settings["lock_timeout"] = str(LOCK_TIMEOUT_MS[role])
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def _cannot_connect(name: str, role: DatabaseRole, error: psycopg.OperationalError) -> Exception:
    text = str(error)
    if role is not DatabaseRole.LOGIN and f'role "{role.value}" does not exist' in text:
        return SchemaMismatch(f"{name} has no tables of ours yet; run: temple db migrate")
    if f'permission denied to set role "{role.value}"' in text:
        return SchemaMismatch(f"{name}: this login may not act as {role.value}; grant it, or run: temple db migrate")
    # the first line says what failed; what follows asks questions, or lists the other addresses
    first = text.strip().partition("\n")[0].removeprefix("connection failed: ").removeprefix("connection is bad: ")
    return DatabaseUnavailable(f"cannot reach {name}: {first or 'no reason given'}")
