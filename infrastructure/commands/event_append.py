"""`temple events append`."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from pydantic_core import from_json

from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.log_entry import LogEntry, entry_of, entry_of_line
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.terminal.event_rows import ROLE_CHANGE
from temple_ledger.infrastructure.terminal.not_loaded import print_not_loaded
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.times import AT
from temple_ledger.projections.registry import catalogue


@click.command("append")
@click.argument("line", required=False, metavar="[-]")
@click.option("--type", "event_type", metavar="TYPE", help="Such as discord_role_change; TYPE/ACTION says both.")
@click.option("--action", metavar="ACTION", help="Such as added.")
@click.option("--user", "--member", "user_id", metavar="ID", help="The member: a Discord id, or patreon:ID.")
@click.option("--target", metavar="TARGET", help="A role (id or name), a tier; none for many types.")
@click.option("--metadata", metavar="JSON", help="""Such as '{"granted_by": "500000000000000001"}'.""")
@click.option("--source", metavar="SOURCE", help="Who says so.  [default: manual]")
@click.option("--timestamp", type=AT, metavar="TIME", help="When it happened, with its offset.  [default: now]")
@click.option("--event-id", metavar="UUID", help="Makes a repetition add nothing.  [default: computed from the rest]")
@as_json
@click.pass_obj
def append(session: Session, /, line: str | None, as_json: bool, **columns: Any) -> None:
    """Append one event: from the options, or, with -, from one JSON line on stdin.

    The same event_id a second time is no error, and adds nothing.

    \b
    Examples:
      temple events append --type discord_role_change --action added \\
          --user 500000000000000001 --target Oracle
      echo '{"event_type": "discord_join", …}' | temple events append -
    \b
    Exit codes: 0 it is in the log; 1 it is no event that the log takes, or the log has its event_id
    with another content.
    """
    given = {name: value for name, value in columns.items() if value is not None}
    if line is not None and (line != "-" or given):
        raise click.UsageError("give either the options, or - and one JSON line on stdin; a file: temple events import")
    print_not_loaded(session, "its events are appended unchecked")
    try:
        entry = _of_stdin() if line is not None else _of_options(session, given)
    except InvalidEvent as error:
        raise InvalidEvent(f"this is no event that the log takes: {error.reason}") from None
    with (
        Notifier(session.database) as notifier,
        LogAppender(session.database, notifier=notifier) as appender,
    ):
        appended = appender.append(entry)
    if as_json:
        print_json({**appended._asdict(), "event_id": entry.event_id})
    elif appended.added:
        click.echo(f"appended at position {appended.position}, event_id {entry.event_id}")
    else:
        click.echo(
            f"nothing appended: event_id {entry.event_id} is in the log already, at position {appended.position}"
        )


def _of_stdin() -> LogEntry:
    lines = [line for line in sys.stdin.buffer.read().splitlines() if line.strip()]
    if len(lines) != 1:
        raise click.UsageError(f"{len(lines)} lines on stdin, where one is wanted; for more: temple events import -")
    return entry_of_line(lines[0], catalogue())


def _of_options(session: Session, given: Mapping[str, Any]) -> LogEntry:
    columns: dict[str, Any] = {"source": "manual", **given}
    event_type = columns.get("event_type", "")
    if "/" in event_type and "action" not in columns:
        columns["event_type"], _, columns["action"] = event_type.partition("/")
    for name, option in (("event_type", "--type"), ("action", "--action"), ("user_id", "--user")):
        if name not in columns:
            raise click.UsageError(f"{option} is missing (or give - and one JSON line on stdin)")
    columns["timestamp"] = format_instant(columns.get("timestamp") or datetime.now(UTC))
    if "metadata" in columns:
        columns["metadata"] = _metadata(columns["metadata"])
    if columns["event_type"] == ROLE_CHANGE and columns.get("target"):
        columns["target"] = _role(session, columns["target"])
    return entry_of(columns, catalogue())


def _metadata(text: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidEvent(f"metadata is not JSON that the log can keep: {error}") from None


def _role(session: Session, text: str) -> str:
    """The id where *text* is the name of a role; Discord's events have ids. Raises AmbiguousName."""
    with snapshot(session.database) as connection:
        role = read_directory(connection).find(text)
    if role is not None and role != text:
        session.say(f"{text} is role {role}")
    return role or text
