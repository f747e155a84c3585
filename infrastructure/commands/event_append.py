"""`temple events append`."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from pydantic_core import from_json

from temple_ledger.domain.errors import EventConflict, InvalidEvent
from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.log_entry import LogEntry, columns_of_line, entry_of, require_each_key_once
from temple_ledger.infrastructure.commands.event_remarks import remark_sentences
from temple_ledger.infrastructure.log.admission import Allowed
from temple_ledger.infrastructure.log.append import Appended, LogAppender
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.log.remarks import remarks_about
from temple_ledger.infrastructure.terminal.admitting import admission_of, admitting
from temple_ledger.infrastructure.terminal.given_file import standard_input
from temple_ledger.infrastructure.terminal.not_loaded import print_not_loaded
from temple_ledger.infrastructure.terminal.printing import print_line
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
@admitting
@as_json
@click.pass_obj
def append(
    session: Session,
    /,
    line: str | None,
    as_json: bool,
    allow_unknown: bool,
    allow_future: bool,
    keep_names: bool,
    **columns: Any,
) -> None:
    """Append one event: from the options, or, with -, from one JSON line on stdin.

    The same event_id a second time is no error, and adds nothing. A role is given by its id or its name.

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
    allowed = Allowed(allow_unknown, allow_future, keep_names)
    try:
        columns = _of_stdin() if line is not None else _of_options(given)
        written = entry_of(columns, catalogue())
        admission = admission_of(session, allowed)
        entry = admission.admit(columns, written)
    except InvalidEvent as error:
        raise InvalidEvent(f"this is no event that the log takes: {error.reason}") from None
    if entry.target != written.target:
        session.note(f"{written.target} is role {entry.target}")
    with (
        Notifier(session.database) as notifier,
        LogAppender(session.writing, notifier=notifier, allow_future=allow_future) as appender,
    ):
        appended = _append(appender, entry, written)
    if appended.added:
        for sentence in remark_sentences(Counter(remarks_about(entry, catalogue(), admission.roles))):
            session.note(sentence)
    if as_json:
        print_json({**appended._asdict(), "event_id": entry.event_id})
    elif appended.added:
        print_line(f"appended at position {appended.position}, event_id {entry.event_id}")
    else:
        print_line(
            f"nothing appended: event_id {entry.event_id} is in the log already, at position {appended.position}"
        )
        if appended.retracted:
            session.note(f"it was retracted, and does not count; see: temple events reinstate {appended.position}")


def _append(appender: LogAppender, entry: LogEntry, written: LogEntry) -> Appended:
    """Raises EventConflict where the log has the event_id with neither content."""
    try:
        return appender.append(entry)
    except EventConflict:
        if entry == written:
            raise
        return appender.append(written)


def _of_stdin() -> dict[str, Any]:
    lines = [line for line in standard_input().read().splitlines() if line.strip()]
    if len(lines) != 1:
        raise click.UsageError(f"{len(lines)} lines on stdin, where one is wanted; for more: temple events import -")
    return columns_of_line(lines[0])


def _of_options(given: Mapping[str, Any]) -> dict[str, Any]:
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
    return columns


def _metadata(text: str) -> Any:
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidEvent(f"metadata is not JSON that the log can keep: {error}") from None
    require_each_key_once(text)
    return value
