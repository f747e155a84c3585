"""Dumps of a whole ledger, and their restore into a database with nothing in it, by PostgreSQL's own programs."""

import errno
import os
import re
import signal
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError, Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.dsn import psql_environment
from temple_ledger.infrastructure.database.roles import (
    OWNER,
    ROLES,
    create_roles,
    grant_lacking_roles,
    grant_schema,
    require_roles,
)
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.embedded_postgres.clients import client_program, newest_client_program
from temple_ledger.infrastructure.embedded_postgres.programs import DEFAULT_MAJOR, FOLDERS

DUMPED_FROM: Final = re.compile(r"Dumped from database version: (\d+)")
NAMED: Final = re.compile(
    r'^(?:GRANT .* TO|ALTER .* OWNER TO) ("(?:[^"]|"")+"|\w+)(?: WITH GRANT OPTION)?;$', re.MULTILINE
)
BEGINNING: Final = b"PGDMP"
"""Of every dump in the form that `dump` writes."""


class DumpFailed(LedgerError):
    """A program of PostgreSQL ended with an error; the reason is its own."""


@dataclass(frozen=True)
class Restored:
    """`head` is the last position of the log; `roles` were created because the dump names them, and may not log in."""

    head: Position
    roles: Sequence[str]


def dump(database: Database, descriptor: int) -> None:
    """Writes the whole database, as it is at one moment, to an open file or pipe, while everything goes on.

    Raises Refused where this login cannot read everything, DumpFailed, DatabaseUnavailable, and BrokenPipeError.
    """
    with database.connect(DatabaseRole.OWNER, application="temple dump") as connection:
        major = connection.info.server_version // 10_000
        row = connection.execute("select pg_has_role(session_user, %s, 'usage')", (OWNER,)).fetchone()
        name = connection.info.dbname
    role = () if row is not None and row[0] else (f"--role={OWNER}",)
    command = (client_program("pg_dump", major), "--format=custom", "--encoding=UTF8", "--no-password", *role)
    # into a file, the places of all data are put into its list of contents; to stdout, pg_dump only appends
    into = (f"--file=/dev/fd/{descriptor}",) if _is_new_file(descriptor) else ()
    _run(database, name, (*command, *into), output=descriptor)


def _is_new_file(descriptor: int) -> bool:
    there = os.fstat(descriptor)
    return stat.S_ISREG(there.st_mode) and there.st_size == 0


def major_of_dump(file: Path) -> int:
    """Raises DumpFailed for what is no dump of `temple db dump`, and OSError."""
    if not file.is_file():
        raise DumpFailed(f"{file} is no regular file, and a dump is read more than once: store it in one first")
    with file.open("rb") as opened:
        if opened.read(len(BEGINNING)) != BEGINNING:
            raise DumpFailed(f"{file} is not a dump that temple db dump wrote")
    listed = _text([newest_client_program("pg_restore"), "--list", file])
    found = DUMPED_FROM.search(listed)
    if found is None:
        raise DumpFailed(f"{file} does not say which PostgreSQL it comes from; is it a dump of temple db dump?")
    return int(found.group(1))


def embedded_major_for(file: Path) -> int:
    """Of the versions that an embedded database can have, the first that can read the dump. Raises Refused."""
    major = major_of_dump(file)
    able = [each for each in sorted(FOLDERS) if each >= max(major, DEFAULT_MAJOR)]
    if not able:
        raise Refused(f"{file} comes from PostgreSQL {major}; set TEMPLE_DATABASE_URL to a server of that version")
    return able[0]


def restore(database: Database, file: Path, *, above: Position = Position(0)) -> Restored:
    """All or nothing, into a database in which there is nothing; the next event gets a position above *above*.

    Raises Refused for a database with anything in it, DumpFailed and DatabaseUnavailable.
    """
    with database.connect(DatabaseRole.LOGIN, application="temple restore") as connection:
        _require_empty(connection, database)
        major = connection.info.server_version // 10_000
        if major_of_dump(file) > major:
            raise Refused(
                f"{file} comes from PostgreSQL {major_of_dump(file)}, and this server is {major}, which is older"
            )
        program = client_program("pg_restore", major)
        require_roles(connection)
        roles = create_roles(connection, [*ROLES, *_roles_named_in(program, file)])
        grant_lacking_roles(connection, needed=ROLES)
        grant_schema(connection)
        others = [role for role in roles if role not in ROLES]
        _let_create(connection, "grant create on schema public to {}", others)
        name = connection.info.dbname
    _run(database, name, (program, "--single-transaction", "--no-password", file))
    with database.connect(DatabaseRole.LOGIN, application="temple restore") as connection, connection.transaction():
        connection.execute(statement("restore_database_rights"))
        _let_create(connection, "revoke create on schema public from {}", others)
    return Restored(_head(database, above), others)


def _let_create(connection: psycopg.Connection, what: LiteralString, roles: Sequence[str]) -> None:
    """A table is given only to who may make one."""
    if not roles:
        return
    with connection.transaction():
        connection.execute("set local role pg_database_owner")
        connection.execute(sql.SQL(what).format(sql.SQL(", ").join(map(sql.Identifier, roles))))
        connection.execute("set local role none")


def _require_empty(connection: psycopg.Connection, database: Database) -> None:
    row = connection.execute(statement("restore_is_empty")).fetchone()
    if row is None or not row[0]:
        raise Refused(
            f"{database.name} has tables in it, and a dump is restored into an empty database only, so never over a "
            "ledger that is in use; set TEMPLE_DATABASE_URL to a new database, or TEMPLE_HOME to a new directory"
        )


def _roles_named_in(program: Path, file: Path) -> Sequence[str]:
    """Grants of a dump fail as a whole where one of their roles is missing."""
    text = _text([program, "--schema-only", "--file=-", file])
    names = {name.strip('"').replace('""', '"') for name in NAMED.findall(text)}
    return sorted(name for name in names if name != "PUBLIC" and not name.startswith("pg_"))


def _head(database: Database, above: Position) -> Position:
    with database.connect(DatabaseRole.OWNER, application="temple restore") as connection:
        # of a dump from before there was this function, the migrations bring it
        if connection.execute("select from pg_proc where proname = 'log_raise_sequence'").rowcount:
            connection.execute(sql.SQL("select log_raise_sequence({})").format(sql.Literal(int(above))))
        row = connection.execute(statement("log_head")).fetchone()
    return Position(row[0] if row is not None else 0)


def _run(database: Database, name: str, command: Sequence[str | Path], *, output: int | None = None) -> None:
    variables, rest = psql_environment(database.dsn, name=database.name)
    program, *arguments = command
    where = f"--dbname={make_conninfo(rest, dbname=name)}"
    done = _program((program, where, *arguments), {**os.environ, **variables, "PGAPPNAME": "temple dump"}, output)
    if done.returncode == -signal.SIGPIPE:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE), f"/dev/fd/{output}")
    if done.returncode != 0:
        raise DumpFailed(f"{Path(program).name} failed: {_why(done)}")


def _text(command: Sequence[str | Path]) -> str:
    done = _program(command, os.environ, None)
    if done.returncode != 0:
        raise DumpFailed(f"{command[-1]} cannot be read as a dump: {_reason(done.stderr.decode(errors='replace'))}")
    return done.stdout.decode(errors="replace")


def _program(
    command: Sequence[str | Path], variables: Mapping[str, str], output: int | None
) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            command,
            env={**variables, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.PIPE,
            pass_fds=() if output is None else (output,),
            check=False,
        )
    except OSError as error:
        raise DatabaseUnavailable(f"{command[0]} cannot be run: {error.strerror}") from None


def _why(done: "subprocess.CompletedProcess[bytes]") -> str:
    if done.returncode < 0:
        # such as for want of memory, or by a limit on the size of files
        return f"it was ended from outside ({signal.strsignal(-done.returncode)})"
    return _reason(done.stderr.decode(errors="replace"))


def _reason(said: str) -> str:
    """The first error; never the lines after it, which may quote rows."""
    lines = [line.partition("error: ")[2] for line in said.splitlines() if "error: " in line]
    return lines[0] if lines else said.strip().partition("\n")[0] or "no reason given"
