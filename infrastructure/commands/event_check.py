"""`temple events import --check`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from temple_ledger.domain.errors import UnreadableFile
from temple_ledger.infrastructure.log.admission import Admission, Allowed, read_role_names
from temple_ledger.infrastructure.log.import_check import CheckedFile, check_lines
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.given_file import opened, title_of
from temple_ledger.infrastructure.terminal.session import Session, print_json
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.registry import catalogue

MOST_KINDS: Final = 20
MOST_ROLES: Final = 5


def check_files(session: Session, files: Sequence[str], allowed: Allowed, *, as_json: bool) -> int:
    """Reads, and writes nothing; makes no database either. The names of an earlier file count in the next one."""
    done: list[tuple[str, CheckedFile]] = []
    with _ledger(session) as connection:
        known = Admission(catalogue(), allowed=allowed) if connection is None else _admission(connection, allowed)
        done.extend((title_of(name), _check(name, known, connection)) for name in files)
    if connection is None:
        session.say("there is no ledger yet: only what the files say themselves was looked at")
    if as_json:
        print_json([_data(name, checked) for name, checked in done])
    else:
        for name, checked in done:
            _print(name, checked)
    return ExitCode.FOUND if any(checked.refused for _, checked in done) else ExitCode.OK


@contextmanager
def _ledger(session: Session) -> Iterator[Connection | None]:
    if session.embedded is not None and not session.embedded.data_dir.exists():
        yield None
        return
    with snapshot(session.database) as connection:
        yield connection


def _admission(connection: Connection, allowed: Allowed) -> Admission:
    return Admission(catalogue(), read_role_names(connection), allowed)


def _check(name: str, admission: Admission, connection: Connection | None) -> CheckedFile:
    with opened(name) as (source, _):
        try:
            if isinstance(source, Path):
                with source.open("rb") as stream:
                    return check_lines(stream, admission, catalogue(), connection)
            return check_lines(source, admission, catalogue(), connection)
        except UnreadableFile as error:
            raise UnreadableFile(f"{title_of(name)}: {error}") from None


def _print(name: str, checked: CheckedFile) -> None:
    click.echo(
        f"{name}: {plural(checked.read, 'line')} read: {checked.new:,} to add, "
        f"{plural(checked.duplicates, 'duplicate')}, {checked.refused:,} to refuse"
    )
    if checked.retracted:
        click.echo(f"  {checked.retracted:,} in the log and retracted: they would count again")
    if checked.first is not None and checked.last is not None:
        click.echo(f"  from {checked.first:%Y-%m-%d %H:%M} to {checked.last:%Y-%m-%d %H:%M} UTC")
        click.echo(f"  {plural(len(checked.users), 'member')}")
    for kind, number in checked.kinds.most_common(MOST_KINDS):
        unread = "   (nothing reads this kind)" if kind in checked.unread else ""
        click.echo(f"  {number:>9,}  {kind}{unread}")
    if checked.renamed:
        click.echo(f"  {plural(checked.renamed, 'line')} with names that are stored as ids, or trimmed")
    if checked.unknown_roles:
        click.echo(f"  roles that neither the ledger nor the file names, stored as they are: {_roles(checked)}")
    for problem in checked.problems:
        click.echo(f"  line {problem.line}: {problem.reason}")
    if checked.refused > len(checked.problems):
        click.echo(f"  and {plural(checked.refused - len(checked.problems), 'line')} more to refuse")


def _roles(checked: CheckedFile) -> str:
    shown = [f"{role!a} ({number:,})" for role, number in checked.unknown_roles.most_common(MOST_ROLES)]
    more = len(checked.unknown_roles) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _data(name: str, checked: CheckedFile) -> dict[str, Any]:
    counts = {key: value for key, value in vars(checked).items() if key not in ("users", "event_ids", "problems")}
    plain = {key: dict(value) if isinstance(value, Counter) else value for key, value in counts.items()}
    return {
        "file": name,
        **plain,
        "members": len(checked.users),
        "problems": [problem._asdict() for problem in checked.problems],
    }
