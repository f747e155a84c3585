"""`temple members`: everybody as of a day."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from temple_ledger.domain.instant import format_instant
from temple_ledger.infrastructure.archive.extra import require_extra
from temple_ledger.infrastructure.commands.engine_options import chosen_engine, engine_options
from temple_ledger.infrastructure.log.output_file import replaced
from temple_ledger.infrastructure.observability.escaping import printable
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.everybody import everybody_then
from temple_ledger.infrastructure.queries.member import MemberOverview
from temple_ledger.infrastructure.terminal.file_arguments import FileToWrite
from temple_ledger.infrastructure.terminal.member_rows import print_doubts
from temple_ledger.infrastructure.terminal.printing import OutputStream
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.infrastructure.terminal.times import END, note_still_to_come
from temple_ledger.projections.registry import catalogue

COLUMNS: Final = (
    "user_id",
    "status",
    "discord_joined_at",
    "patreon_tier",
    "total_roles_count",
    "last_activity",
    "roles",
)
STDOUT: Final = Path("-")

Write = Callable[[list[MemberOverview]], object]


@click.command("members")
@click.option(
    "--as-of",
    type=END,
    metavar="TIME",
    callback=note_still_to_come,
    help="What was so at TIME; a date is its end, in UTC.",
)
@click.option("--known-at", type=END, metavar="TIME", help="As far as the log had it at TIME; a date is its end.")
@click.option(
    "-o",
    "--output",
    type=FileToWrite(stdout=True),
    default="-",
    metavar="FILE",
    help="A .csv or a .parquet; - is stdout, as CSV, which is the default.",
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="With --archive: so many processes."
)
@engine_options
@click.pass_obj
def command(
    session: Session,
    as_of: datetime | None,
    known_at: datetime | None,
    output: Path,
    workers: int,
    archive: str | None,
    engine: str | None,
) -> None:
    """Everybody as the log says, now or as of a time: status, tier and roles, as CSV or Parquet.

    The roles are JSON in CSV, and a list of records in Parquet. For many members, --archive folds them with little
    work for the database; for one, there is temple member show.

    \b
    Examples:
      temple members --as-of 2026-03-01 -o march.csv
      temple members --as-of 2026-03-01 --archive /srv/temple/archive --workers 8 -o march.parquet
    """
    is_parquet = output.suffix == ".parquet"
    if not is_parquet and output != STDOUT and output.suffix != ".csv":
        raise click.UsageError(f"{output}: name it .csv or .parquet, so that it is clear what is meant")
    if is_parquet:
        require_extra("archive")
    moment = AsOf(as_of, known_at)
    chosen = chosen_engine(session, archive=archive, engine=engine, workers=workers)
    count = 0
    with _written(session, output, is_parquet) as write:
        if chosen is None:
            with snapshot(session.reading) as connection:
                print_doubts(session, connection)
                count = _write_all(write, everybody_then(connection, moment, catalogue()))
        else:
            from temple_ledger.infrastructure.queries.everybody_by_buckets import everybody_by_buckets

            found = everybody_by_buckets(session.database, chosen.archive, chosen.engine, workers, moment)
            count = _write_all(write, found)
    session.note(f"{plural(count, 'member')}, {moment}")


def _write_all(write: Write, pages: Iterable[list[MemberOverview]]) -> int:
    count = 0
    for page in pages:
        write(page)
        count += len(page)
    return count


@contextmanager
def _written(session: Session, output: Path, is_parquet: bool) -> Iterator[Write]:
    """A file is replaced when the new one is whole."""
    # a ledger that is not there is no reason to begin a file
    _ = session.reading
    if output == STDOUT:
        lines = OutputStream()
        lines.write(_csv([COLUMNS]))
        yield lambda page: lines.write(_csv(map(_shown, page))) if page else None
        return
    with replaced(output) as file:
        if not is_parquet:
            file.write(_csv([COLUMNS]) + "\n")
            yield lambda page: file.write(_csv(map(_row, page)) + "\n") if page else None
            return
        from temple_ledger.infrastructure.archive.member_file import member_file

        with member_file(file) as members:
            yield lambda page: members.write([member.as_data() for member in page])


def _row(member: MemberOverview) -> list[Any]:
    data = member.as_data()
    return [_text(data[column]) for column in COLUMNS]


def _shown(member: MemberOverview) -> list[Any]:
    """As a terminal may have it, wherever stdout leads: a file that is named has the texts as they are."""
    return [printable(each) if isinstance(each, str) else each for each in _row(member)]


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, list | tuple):
        return json.dumps(value, default=lambda each: format_instant(each), ensure_ascii=False)
    return "" if value is None else value


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    """Lines, without the end of the last one."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().removesuffix("\n")
