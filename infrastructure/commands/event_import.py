"""`temple events import`."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import click

from temple_ledger.domain.errors import DatabaseUnavailable, UnreadableFile
from temple_ledger.infrastructure.commands.event_check import check_files
from temple_ledger.infrastructure.commands.event_remarks import remark_counts, remark_sentences, retracted_again
from temple_ledger.infrastructure.log.admission import Allowed
from temple_ledger.infrastructure.log.import_lines import Imported, import_lines
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.log.output_file import require_writable
from temple_ledger.infrastructure.log.parser import ParserEnded
from temple_ledger.infrastructure.processes.personal_files import REJECTS
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.imports import RetractedPart, reasons_of_retraction
from temple_ledger.infrastructure.queries.projection_status import projection_statuses
from temple_ledger.infrastructure.read_models.retraction import Selection, reinstate
from temple_ledger.infrastructure.terminal.admitting import admission_of, admitting, allowed_by
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.file_arguments import FileToRead, FileToWrite
from temple_ledger.infrastructure.terminal.given_file import is_among, opened, title_of
from temple_ledger.infrastructure.terminal.not_loaded import print_not_loaded
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.registry import carried, catalogue

SHOWN: Final = 5
"""How many refused lines are shown by default; the rejects file has them all."""


@dataclass(frozen=True)
class _Done:
    """What became of one file; `rejects` is None where nothing was refused."""

    name: str
    imported: Imported
    reinstated: Sequence[RetractedPart]
    seconds: float
    rejects: Path | None

    @property
    def refused(self) -> int:
        return self.imported.rejected + self.imported.conflicts


@click.command("import")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=FileToRead(stdin=True),
)
@click.option(
    "--rejects",
    type=FileToWrite(),
    metavar="FILE",
    help="Where refused lines go, with the reason; for further files, FILE.2 and so on. "
    "[default: a new file under rejects/ in the state directory]",
)
@click.option("--check", is_flag=True, help="Write nothing: show what is in the files, and what is wrong with them.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=SHOWN,
    show_default=True,
    help="How many refused lines are shown; with --check, --json has all.",
)
@admitting
@as_json
@click.pass_obj
def import_(
    session: Session,
    /,
    files: Sequence[str],
    rejects: Path | None,
    check: bool,
    limit: int,
    as_json: bool,
    **flags: bool,
) -> int:
    """Import events from files, with the log's column names as keys or header; - is stdin.

    JSON lines, a JSON array, or CSV; also gzipped, and in UTF-16. Lines that are in the log already are
    counted and add nothing, so an import may be repeated; those that were retracted count again, which
    --check shows before. A line that is no event is refused and stored in a file with the reason;
    everything else is imported.

    What an import added has a number, and can be taken back: temple events retract import:NUMBER.

    \b
    Examples:
      temple events import --check history.jsonl
      temple events import history.jsonl --rejects refused.jsonl
      temple events import roles.csv.gz
    \b
    Exit codes: 0 every line is in the log; 1 a line was refused, after the rest was imported;
    3 --check found lines that would be refused; 5 somebody retracted the import while it went on.
    """
    print_not_loaded(session, "its events are imported unchecked")
    allowed = allowed_by(flags)
    if check:
        return check_files(session, files, allowed, limit=limit, as_json=as_json)
    session.make_database()
    done = []
    places = [_rejects_path(session, name, rejects, number) for number, name in enumerate(files, start=1)]
    for place in places:
        if is_among(place, files):
            raise click.UsageError(f"--rejects would write over {place}, which is read; name another file")
        require_writable(place)
    for name, place in zip(files, places, strict=True):
        each = _import(session, name, place, allowed)
        done.append(each)
        if not as_json:
            print_line(_summary(each))
        for sentence in _remarks(each):
            session.note(f"{each.name}: {sentence}")
        _print_refused(session, each, limit)
    if as_json:
        print_json([_data(each) for each in done])
    elif any(each.imported.added for each in done):
        _print_what_is_next(session)
    return ExitCode.FAILED if any(each.refused for each in done) else ExitCode.OK


def _import(session: Session, name: str, rejects: Path, allowed: Allowed) -> _Done:
    database = session.writing
    admission = admission_of(session, allowed)
    imported = Imported()
    started = time.perf_counter()
    with (
        opened(name) as (source, size),
        bar(session.progress, f"importing {title_of(name)}", size, "lines") as shown,
        Notifier(database) as notifier,
    ):

        def progress(so_far: Imported) -> None:
            nonlocal imported
            imported = so_far
            shown.at(so_far.read_bytes, count=so_far.read)

        try:
            imported = import_lines(
                database,
                source,
                rejects=rejects,
                progress=progress,
                notifier=notifier,
                catalogue=catalogue(),
                admission=admission,
                imported_by=session.operator,
            )
        except (KeyboardInterrupt, OSError, DatabaseUnavailable, ParserEnded):
            if imported.read:
                # what was on its way may have been committed before the answer came
                added = plural(imported.added, "event")
                session.note(f"at least {added} of {title_of(name)} added; import it again for the rest")
            raise
        except UnreadableFile as error:
            added = f"; {plural(imported.added, 'event')} of it added before" if imported.added else ""
            raise UnreadableFile(f"{title_of(name)}: {error}{added}") from None
    reinstated = _count_again(session, title_of(name), imported) if imported.retracted else ()
    seconds = time.perf_counter() - started
    refused = bool(imported.rejected or imported.conflicts)
    return _Done(title_of(name), imported, reinstated, seconds, rejects if refused else None)


def _count_again(session: Session, title: str, imported: Imported) -> Sequence[RetractedPart]:
    """Why the events were retracted until now."""
    with snapshot(session.database) as connection:
        parts = reasons_of_retraction(connection, imported.retracted)
    reinstate(
        session.database,
        Selection(positions=imported.retracted),
        carried(),
        catalogue(),
        by=session.operator,
        reason=f"imported again: {title}",
        imported_again_as=imported.number,
    )
    return parts


def _rejects_path(session: Session, name: str, given: Path | None, number: int) -> Path:
    if given is not None:
        return given if number == 1 else given.with_name(f"{given.name}.{number}")
    file = f"{Path(title_of(name)).stem}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.jsonl"
    folder = session.settings.home / REJECTS
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        # a state directory that cannot be written is no reason not to import
        folder = Path(tempfile.mkdtemp(prefix="temple-rejects-"))
    return folder / file


def _summary(done: _Done) -> str:
    imported = done.imported
    rate = f" ({imported.read / done.seconds:,.0f} lines/s)" if imported.read and done.seconds else ""
    again = f"{len(imported.retracted):,} reinstated, " if imported.retracted else ""
    number = f"; import:{imported.number}" if imported.added else ""
    return (
        f"{done.name}: {plural(imported.read, 'line')} read: {imported.added:,} added, "
        f"{plural(imported.duplicates, 'duplicate')}, {imported.rejected:,} rejected, "
        f"{again}{plural(imported.conflicts, 'conflict')}, in {done.seconds:.1f} s{rate}{number}"
    )


def _remarks(done: _Done) -> Iterator[str]:
    if done.reinstated:
        yield retracted_again(done.reinstated, would=False)
    yield from remark_sentences(done.imported.remarks)


def _print_refused(session: Session, done: _Done, limit: int) -> None:
    if done.rejects is None:
        return
    with done.rejects.open(encoding="utf-8") as lines:
        for reject in map(json.loads, islice(lines, limit)):
            session.note(f"{done.name}, line {reject['line']}: {reject['reason']}")
    more = f"{plural(done.refused - limit, 'line')} more are" if done.refused > limit else "they are"
    session.note(f"{more} in {done.rejects}, with the reasons")


def _data(done: _Done) -> dict[str, object]:
    rejects = None if done.rejects is None else str(done.rejects)
    imported = {**vars(done.imported), **remark_counts(done.imported.remarks)}
    del imported["remarks"]
    imported["retracted"] = str(done.imported.retracted)
    imported["reinstated"] = len(done.imported.retracted)
    imported["reinstated_of"] = [part._asdict() for part in done.reinstated]
    return {"file": done.name, **imported, "seconds": round(done.seconds, 3), "rejects": rejects}


def _print_what_is_next(session: Session) -> None:
    with snapshot(session.database) as connection:
        statuses = projection_statuses(connection, carried(), catalogue=catalogue())
    if any(status.lag_events and status.leader is None for status in statuses):
        session.note("no runner folds them yet: temple run --until-caught-up")
