"""`temple events import`."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import click

from temple_ledger.infrastructure.log.import_lines import Imported, import_lines
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.projection_status import projection_statuses
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.not_loaded import print_not_loaded
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.registry import catalogue, installed

TOLD: Final = 5
"""How many refused lines are told; the rejects file has them all."""


@dataclass(frozen=True)
class _Done:
    """What became of one file; `rejects` is None where nothing was refused."""

    name: str
    imported: Imported
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
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where refused lines go, with the reason; for further files, FILE.2 and so on. "
    "[default: a new file under rejects/ in the state directory]",
)
@as_json
@click.pass_obj
def import_(session: Session, files: Sequence[str], rejects: Path | None, as_json: bool) -> int:
    """Import JSON lines, one event a line, with the log's column names as keys; - is stdin.

    Lines that are in the log already are counted and add nothing, so an import may be repeated. A line
    that is no event is refused and kept in a file with the reason; everything else is imported.

    \b
    Examples:
      temple events import history.jsonl --rejects refused.jsonl
      zcat history.jsonl.gz | temple events import -
    \b
    Exit codes: 0 every line is in the log; 1 a line was refused, after the rest was imported.
    """
    print_not_loaded(session, "its events are imported unchecked")
    done = []
    for number, name in enumerate(files, start=1):
        each = _import(session, name, _rejects_path(session, name, rejects, number))
        done.append(each)
        if not as_json:
            click.echo(_summary(each))
        _tell_refused(session, each)
    if as_json:
        print_json([_data(each) for each in done])
    elif any(each.imported.added for each in done):
        _tell_what_is_next(session)
    return ExitCode.FAILED if any(each.refused for each in done) else ExitCode.OK


def _import(session: Session, name: str, rejects: Path) -> _Done:
    database = session.database
    imported = Imported()
    started = time.perf_counter()
    with (
        _opened(name) as (source, size),
        bar(session.progress, f"importing {_title(name)}", size, "lines") as shown,
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
            )
        except KeyboardInterrupt:
            session.say(f"{plural(imported.added, 'event')} of {_title(name)} added; import it again for the rest")
            raise
    seconds = time.perf_counter() - started
    refused = bool(imported.rejected or imported.conflicts)
    return _Done(_title(name), imported, seconds, rejects if refused else None)


@contextmanager
def _opened(name: str) -> Iterator[tuple[Path | BinaryIO, int | None]]:
    """What to read, and how many bytes it has, where that is known."""
    if name == "-":
        yield sys.stdin.buffer, None
    else:
        path = Path(name)
        yield path, path.stat().st_size if path.is_file() else None


def _title(name: str) -> str:
    return "stdin" if name == "-" else Path(name).name


def _rejects_path(session: Session, name: str, given: Path | None, number: int) -> Path:
    if given is not None:
        return given if number == 1 else given.with_name(f"{given.name}.{number}")
    file = f"{Path(_title(name)).stem}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.jsonl"
    folder = session.settings.home / "rejects"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        # a state directory that cannot be written is no reason not to import
        folder = Path(tempfile.mkdtemp(prefix="temple-rejects-"))
    return folder / file


def _summary(done: _Done) -> str:
    imported = done.imported
    rate = f" ({imported.read / done.seconds:,.0f} lines/s)" if imported.read and done.seconds else ""
    return (
        f"{done.name}: {plural(imported.read, 'line')} read: {imported.added:,} added, "
        f"{plural(imported.duplicates, 'duplicate')}, {imported.rejected:,} rejected, "
        f"{plural(imported.conflicts, 'conflict')}, in {done.seconds:.1f} s{rate}"
    )


def _tell_refused(session: Session, done: _Done) -> None:
    if done.rejects is None:
        return
    with done.rejects.open(encoding="utf-8") as lines:
        for reject in map(json.loads, islice(lines, TOLD)):
            session.say(f"{done.name}, line {reject['line']}: {reject['reason']}")
    more = f"{plural(done.refused - TOLD, 'line')} more are" if done.refused > TOLD else "they are"
    session.say(f"{more} in {done.rejects}, with the reasons")


def _data(done: _Done) -> dict[str, object]:
    rejects = None if done.rejects is None else str(done.rejects)
    return {"file": done.name, **asdict(done.imported), "seconds": round(done.seconds, 3), "rejects": rejects}


def _tell_what_is_next(session: Session) -> None:
    with snapshot(session.database) as connection:
        statuses = projection_statuses(connection, installed())
    if any(status.lag_events and status.leader is None for status in statuses):
        session.say("no runner folds them yet: temple run --until-caught-up")
