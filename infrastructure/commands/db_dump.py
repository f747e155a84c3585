"""`temple db dump` and `temple db restore`."""

import os
import stat
from pathlib import Path
from typing import Final

import click

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.commands.verification_report import unit_of
from temple_ledger.infrastructure.database import dump as dumps
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.embedded_postgres.scratch import scratch_server
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.log.output_file import PRIVATE, replaced
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.versions import in_ledger
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.terminal.after_migrating import ask_for_replays, print_refused
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.file_arguments import DASH, FileToRead, FileToWrite
from temple_ledger.infrastructure.terminal.printing import is_terminal, print_line, stdout
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.registry import carried, catalogue, named

STDOUT: Final = Path("/dev/stdout")


@click.command()
@click.argument("file", type=FileToWrite(stdout=True), metavar="FILE")
@click.pass_obj
def dump(session: Session, file: Path) -> None:
    """Write the whole ledger to FILE, as it is at one moment, while everything goes on.

    By the pg_dump of the server's own version. The file appears only when it is whole, and for its owner alone:
    it holds what the inbox holds. `temple db restore` reads it. A pipe, a FIFO or - (stdout) is written through:
    the exit code tells whether all of it was.

    \b
    Examples:
      temple db dump ledger.dump
      temple db dump - | gpg --encrypt --recipient ops@example.org > ledger.dump.gpg
    \b
    Exit codes: 0 written; 1 it could not be written; 4 no database, or no pg_dump of its version; 5 this
    login may not read everything.
    """
    if str(file) == DASH and is_terminal(stdout()):
        raise click.UsageError("a dump is no text for a terminal: name a file, or send stdout somewhere else")
    database = session.database
    with replaced(STDOUT if str(file) == DASH else file, mode=PRIVATE) as output:
        try:
            dumps.dump(database, output.fileno())
        except dumps.DumpFailed as failed:
            raise dumps.DumpFailed(f"{file}: {failed}") from failed
        written = os.fstat(output.fileno())
        if stat.S_ISREG(written.st_mode):
            os.fsync(output.fileno())
            session.note(f"{file}: {written.st_size:,} bytes")


@click.command()
@click.argument("file", type=FileToRead(), metavar="FILE")
@click.option("--rehearse", is_flag=True, help="Into a server that is thrown away, and verified there.")
@click.option(
    "--above",
    type=click.IntRange(min=0),
    default=0,
    metavar="POSITION",
    help="The greatest position that anybody outside has seen: the next event gets a greater one.",
)
@click.pass_obj
def restore(session: Session, file: Path, rehearse: bool, above: int) -> int:
    """Put a dump into a database with nothing in it, all or nothing, and bring it up to date.

    Without TEMPLE_DATABASE_URL an embedded database is made in the state directory. A database that has tables
    is refused, so a restore never goes over a ledger that is in use; a rehearsal reaches none at all.

    \b
    Examples:
      temple db restore ledger.dump --rehearse
      TEMPLE_HOME=/srv/restored temple db restore ledger.dump
    \b
    Exit codes: 0 restored; 1 the file cannot be restored; 3 rehearsed, and tables and log differ; 4 no
    server; 5 there is something in the database, or it is older than the dump's.
    """
    if rehearse:
        return _rehearse(session, file)
    database = _target(session, file)
    _restore(session, database, file, Position(above))
    print_line(f"next, in the restored ledger: {session.command('verify --full')}")
    return ExitCode.OK


def _target(session: Session, file: Path) -> Database:
    server = session.embedded
    if server is None or server.data_dir.exists():
        return session.database
    session.note(f"making an embedded database in {server.state_dir}")
    made = EmbeddedServer(server.state_dir, major=dumps.embedded_major_for(file))
    return Database(made.start(), f"the embedded database in {session.settings.home}")


def _rehearse(session: Session, file: Path) -> int:
    with scratch_server(major=dumps.embedded_major_for(file)) as server:
        database = Database(server.dsn(), "the database of the rehearsal")
        _restore(session, database, file, Position(0))
        with snapshot(database) as connection:
            there = in_ledger(connection, carried())
        verified = [verify(database, each, catalogue=catalogue()) for each in there]
    for each in verified:
        if each.unverified is not None:
            print_line(f"{each.projection}: not compared: {each.unverified}")
        else:
            found = "all agree" if each.ok else f"{plural(each.drifts, 'difference')}"
            print_line(f"{each.projection}: {plural(each.members, unit_of(named(each.projection)))} compared, {found}")
    return ExitCode.OK if all(each.ok for each in verified) else ExitCode.FOUND


def _restore(session: Session, database: Database, file: Path, above: Position) -> None:
    restored = dumps.restore(database, file, above=above)
    changed = bring_up_to_date(database, goes_on=True)
    print_line(f"restored {file}: the log ends at position {restored.head}")
    if changed.migrations:
        print_line(f"applied {plural(len(changed.migrations), 'migration')}")
    ask_for_replays(session, changed)
    print_refused(session, changed.refused)
    if restored.roles:
        session.note(
            f"the dump names {', '.join(restored.roles)}: created without the right to log in; "
            "to give it: alter role NAME login"
        )
