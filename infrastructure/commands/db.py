"""`temple db`: the database itself."""

import os
import shutil
import sys
from typing import Any

import click

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.commands.db_dump import dump, restore
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.dsn import psql_environment
from temple_ledger.infrastructure.database.migrations import applied, pending
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.database.standby import standby_delay
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.embedded_postgres.clients import newest_client_program
from temple_ledger.infrastructure.embedded_postgres.server import TERMINFO_DIRS, EmbeddedServer
from temple_ledger.infrastructure.terminal.after_migrating import (
    ask_for_grants,
    ask_for_replays,
    print_refused,
)
from temple_ledger.infrastructure.terminal.dsn import shown
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.not_loaded import print_not_loaded
from temple_ledger.infrastructure.terminal.printing import print_line, stdout
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_fields


@click.group("db")
def command() -> None:
    """The database: an embedded PostgreSQL in the state directory, or the one of TEMPLE_DATABASE_URL."""


for each in (dump, restore):
    command.add_command(each)


@command.command()
@click.pass_obj
def migrate(session: Session) -> int:
    """Bring the database up to date: migrations, then the tables of the projections that are installed.

    Can be called at any time and by several at once. A database that already has the canon's tables in use is
    adopted, or refused with the reason and left as it was.

    \b
    Exit codes: 0 done, or nothing to do; 4 no database there; 5 the database is newer than this
    version, or does not fit; also where the tables of one package do not fit: its projection stands
    still then, and all else is done.
    """
    print_not_loaded(session)
    changed = bring_up_to_date(session.database, goes_on=True)
    for name in changed.migrations:
        print_line(f"applied {name}")
    for each in changed.made:
        print_line(f"made {each}")
    ask_for_replays(session, changed)
    ask_for_grants(session, changed.grants)
    print_refused(session, changed.refused)
    if not changed.migrations and not changed.made and not changed.refused:
        print_line("nothing to do: the database is up to date")
    return ExitCode.REFUSED if changed.refused else ExitCode.OK


@command.command()
@as_json
@click.pass_obj
def status(session: Session, as_json: bool) -> None:
    """Where the database is, whether it runs, and how far it is migrated. Starts and makes nothing.

    Its kind is embedded, in the state directory, or external, a server of your own; then set_by is what names it: a
    flag, TEMPLE_DATABASE_URL or a file. Its state is "not made yet", stopped or running; an external one that does
    not answer is an error.

    \b
    Exit codes: 0 whatever it shows; 4 an external database does not answer; 5 its login may not read it.
    """
    print_fields(database_status(session), as_json=as_json)


def database_status(session: Session, *, reading: bool = False) -> dict[str, Any]:
    """What can be said of the database without starting or making one; *reading*: of the one that queries ask."""
    if reading and session.settings.read_url is not None:
        where = {"kind": "TEMPLE_READ_URL", "where": shown(session.running_reading.dsn)}
        return {**where, **_answered(session.running_reading)}
    server = session.embedded
    if server is None:
        where = {
            "kind": "external",
            "where": shown(session.running_database().dsn),
            "set_by": session.database_url_from,
        }
    else:
        where = {"kind": "embedded", "where": str(server.data_dir)}
        if not server.data_dir.exists():
            return {**where, "state": "not made yet"}
        if not server.running():
            return {**where, "state": "stopped"}
    return {**where, **_answered(session.running_database())}


def _answered(database: Database) -> dict[str, Any]:
    with database.look(application="temple status") as connection:
        version = connection.info.parameter_status("server_version")
        row = connection.execute(statement("database_size")).fetchone()
        size = row[0] if row else 0
        done = applied(connection)
        waiting = list(pending(connection))
        delay = standby_delay(connection)
    return {
        "state": "running" if delay is None else f"a standby, {delay.sentence}",
        "version": version,
        "size_bytes": size,
        "migrations": len(done),
        "migrations_waiting": waiting,
        **({} if delay is None else {"standby": delay._asdict()}),
    }


@command.command()
@click.pass_obj
def url(session: Session) -> None:
    """Print a DSN that psql and every other client takes. Starts and makes nothing.

    With TEMPLE_DATABASE_URL it is that one, with its password if it has one.

    \b
    Example: psql "$(temple db url)"
    \b
    Exit codes: 0 printed; 4 there is no ledger.
    """
    server = session.existing_server()
    if server is not None and not server.running():
        session.note("the embedded database is stopped; to start it: temple db start")
        print_line(server.dsn())
        return
    print_line(session.running_database().dsn)


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def shell(session: Session, arguments: tuple[str, ...]) -> None:
    """Open psql on the database; what stands behind -- goes to psql.

    \b
    Example: temple db shell -- -c 'select count(*) from temple_member_status'
    """
    variables, rest = psql_environment(session.database.dsn, name=session.database.name)
    # the wheel's psql was built elsewhere, and looks for terminals only where they lay there
    variables |= {"TERMINFO_DIRS": TERMINFO_DIRS}
    if session.embedded is not None:
        variables |= session.embedded.psql_environment()
    program = _psql(session)
    given = ("psql", *((f"--dbname={rest}",) if rest else ()), *arguments)
    stdout().flush()
    sys.stderr.flush()
    # psql takes our place, and with it the terminal and the exit code
    os.execve(program, given, {**os.environ, **variables})  # noqa: S606


def _psql(session: Session) -> str:
    """The embedded server's own; for another server the machine's, which may know more ways to connect."""
    if session.embedded is not None:
        return str(session.embedded.client_binary("psql"))
    return shutil.which("psql") or str(newest_client_program("psql"))


@command.command()
@click.pass_obj
def start(session: Session) -> None:
    """Start the embedded database, and make it the first time; a command that needs a stopped one starts it too."""
    server = _ours(session, "start")
    if server.running():
        print_line(f"runs already: {server.data_dir}")
        return
    session.make_database()
    server.start()
    print_line(f"started: {server.data_dir}")


@command.command()
@click.pass_obj
def stop(session: Session) -> None:
    """Stop the embedded database. Who is connected loses the connection, and nothing that was committed."""
    print_line(stopped(_ours(session, "stop")))


def stopped(server: EmbeddedServer) -> str:
    """Stops the server, and says what that was."""
    if not server.data_dir.exists():
        return f"no embedded database in {server.state_dir} yet"
    if server.pid() is None:
        return "the embedded database was stopped already"
    server.stop()
    return f"stopped the embedded database in {server.state_dir}"


def _ours(session: Session, verb: str) -> EmbeddedServer:
    if session.embedded is None:
        raise Refused(f"TEMPLE_DATABASE_URL names a server that is not ours to {verb}")
    return session.embedded
