"""`temple events export`."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.export import EVERY_POSITION, Selection, exported_lines
from temple_ledger.infrastructure.log.output_file import replaced
from temple_ledger.infrastructure.observability.escaping import printable_json
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.member import require_member
from temple_ledger.infrastructure.terminal.file_arguments import FileToWrite
from temple_ledger.infrastructure.terminal.member_rows import print_doubts
from temple_ledger.infrastructure.terminal.printing import OutputStream
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.infrastructure.terminal.times import BEGINNING, END

LINES_AT_ONCE: Final = 1_000
CHARACTERS_AT_ONCE: Final = 4_000_000
STDOUT: Final = Path("-")


@click.command("export")
@click.option(
    "-o",
    "--output",
    type=FileToWrite(stdout=True),
    metavar="FILE",
    help="- is stdout, which is the default.",
)
@click.option("--member", "--user", "user_id", metavar="ID", help="Only of this member.")
@click.option("--type", "event_type", metavar="TYPE", help="Only of this type.")
@click.option(
    "--since",
    type=BEGINNING,
    metavar="TIME",
    help="Only what occurred at TIME or later; a date is its beginning.",
)
@click.option("--until", type=END, metavar="TIME", help="Only what occurred by TIME; a date is its end, in UTC.")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="POSITION", help="Only behind this position.")
@click.option("--upto", type=click.IntRange(min=0), metavar="POSITION", help="Only up to this position.")
@click.option("--retracted", is_flag=True, help="With what was retracted, which is left out otherwise.")
@click.pass_obj
def export(
    session: Session,
    output: Path | None,
    user_id: str | None,
    event_type: str | None,
    since: datetime | None,
    until: datetime | None,
    after: int,
    upto: int | None,
    retracted: bool,
) -> None:
    """The log as JSON lines, by position, as it is at one moment; to import them again adds nothing.

    Each line has the log's columns, and id, recorded_at and processed_at, which an import does not read.
    Events that were retracted are left out; with --retracted they have retracted_at, and an import refuses
    them.

    \b
    Examples:
      temple events export -o backup.jsonl
      temple events export --member 500000000000000001 | jq .target
    """
    output = None if output == STDOUT else output
    last = EVERY_POSITION if upto is None else Position(upto)
    selection = Selection(Position(after), last, user_id, event_type, since, until, retracted)
    started = time.perf_counter()
    with session.reading.connect(DatabaseRole.READ, application="temple export") as connection, ExitStack() as stack:
        if user_id is not None:
            require_member(connection, user_id)
        print_doubts(session, connection, user_id)
        write = stack.enter_context(_written(output))
        row = connection.execute(statement("log_head")).fetchone()
        few = any(each is not None for each in (user_id, event_type, since, until))
        total = None if few or row is None else max(0, min(row[0], last) - after)
        with bar(session.progress, "exporting", total, "events") as shown:
            count = 0
            # its transaction has to end before the connection does, also when nobody reads on
            with closing(_lines(connection, selection)) as lines:
                for some in _pieces(lines):
                    write("\n".join(some))
                    count += len(some)
                    shown.at(count)
    where = "" if output is None else f" to {output}"
    session.note(f"{plural(count, 'event')} exported{where} in {time.perf_counter() - started:.1f} s")


def _lines(connection: Connection, selection: Selection) -> Generator[str, None, None]:
    yield from exported_lines(connection, selection)


@contextmanager
def _written(output: Path | None) -> Iterator[Callable[[str], object]]:
    """Takes lines. A file is replaced when the new one is whole: half an export looks like all of it."""
    if output is None:
        yield OutputStream().write
        return
    with replaced(output) as file:
        yield lambda lines: file.write(f"{printable_json(lines)}\n")


def _pieces(lines: Iterable[str]) -> Iterator[list[str]]:
    """Many lines, or few long ones."""
    some: list[str] = []
    characters = 0
    for line in lines:
        some.append(line)
        characters += len(line)
        if len(some) >= LINES_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield some
            some, characters = [], 0
    if some:
        yield some
