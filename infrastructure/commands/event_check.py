"""`temple events import --check`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from temple_ledger.domain.errors import UnreadableFile
from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.commands.event_remarks import remark_counts, remark_sentences, retracted_again
from temple_ledger.infrastructure.log.admission import Admission, Allowed, read_role_names
from temple_ledger.infrastructure.log.import_check import CheckedFile, check_lines
from temple_ledger.infrastructure.log.remarks import About, named
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.queries.imports import RetractedPart, reasons_of_retraction
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.given_file import opened, title_of
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, print_json
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.registry import catalogue

MOST_KINDS: Final = 20


class _Checked(NamedTuple):
    name: str
    file: CheckedFile
    retracted: Sequence[RetractedPart]


def check_files(session: Session, files: Sequence[str], allowed: Allowed, *, limit: int, as_json: bool) -> int:
    """Reads, and writes nothing; makes no database either. The names of an earlier file count in the next one."""
    done: list[_Checked] = []
    with _ledger(session) as connection:
        known = Admission(catalogue(), allowed=allowed) if connection is None else _admission(connection, allowed)
        done.extend(_check(name, known, connection) for name in files)
    if connection is None:
        session.note("there is no ledger yet: only what the files say themselves was looked at")
    if as_json:
        print_json([_data(each) for each in done])
    else:
        for each in done:
            _print(each, limit)
    return ExitCode.FOUND if any(each.file.refused for each in done) else ExitCode.OK


@contextmanager
def _ledger(session: Session) -> Iterator[Connection | None]:
    if session.embedded is not None and not session.embedded.data_dir.exists():
        yield None
        return
    with snapshot(session.database) as connection:
        yield connection


def _admission(connection: Connection, allowed: Allowed) -> Admission:
    return Admission(catalogue(), read_role_names(connection), allowed)


def _check(name: str, admission: Admission, connection: Connection | None) -> _Checked:
    with opened(name) as (source, _):
        try:
            if isinstance(source, Path):
                with source.open("rb") as stream:
                    checked = check_lines(stream, admission, catalogue(), connection)
            else:
                checked = check_lines(source, admission, catalogue(), connection)
        except UnreadableFile as error:
            raise UnreadableFile(f"{title_of(name)}: {error}") from None
    again = PositionSet.of(checked.retracted)
    parts = reasons_of_retraction(connection, again) if connection is not None and again else ()
    return _Checked(title_of(name), checked, parts)


def _print(each: _Checked, limit: int) -> None:
    checked = each.file
    again = f"{len(checked.retracted):,} to reinstate, " if checked.retracted else ""
    print_line(
        f"{each.name}: {plural(checked.read, 'line')} read: {checked.new:,} to add, "
        f"{plural(checked.duplicates, 'duplicate')}, {again}{checked.refused:,} to refuse"
    )
    if each.retracted:
        print_line(f"  {retracted_again(each.retracted, would=True)}")
    if checked.first is not None and checked.last is not None:
        print_line(f"  from {_minute(checked.first)} to {_minute(checked.last)} UTC")
        print_line(f"  {plural(len(checked.users), 'member')}")
    unread = named(checked.remarks, About.UNREAD)
    for kind, number in checked.kinds.most_common(MOST_KINDS):
        note = "   (nothing reads this kind)" if kind in unread else ""
        print_line(f"  {number:>9,}  {kind}{note}")
    if checked.renamed:
        print_line(f"  {plural(checked.renamed, 'line')} with names that are stored as ids, or trimmed")
    for sentence in remark_sentences({each: n for each, n in checked.remarks.items() if each.about != About.UNREAD}):
        print_line(f"  {sentence}")
    for problem in checked.problems[:limit]:
        print_line(f"  line {problem.line}: {problem.reason}")
    if checked.refused > limit:
        print_line(f"  and {plural(checked.refused - limit, 'line')} more to refuse; --limit shows more")


def _minute(instant: datetime) -> str:
    """With four digits of the year, also of the year 26."""
    return instant.replace(tzinfo=None).isoformat(" ", "minutes")


def _data(each: _Checked) -> dict[str, Any]:
    checked = each.file
    return {
        "file": each.name,
        "read": checked.read,
        "new": checked.new,
        "duplicates": checked.duplicates,
        "retracted": len(checked.retracted),
        "retracted_of": [part._asdict() for part in each.retracted],
        "refused": checked.refused,
        "kinds": dict(checked.kinds),
        **remark_counts(checked.remarks),
        "renamed": checked.renamed,
        "first": checked.first,
        "last": checked.last,
        "members": len(checked.users),
        "problems": [problem._asdict() for problem in checked.problems],
    }
