"""Options that pick events of the log."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from temple_ledger.infrastructure.queries.events import EventFilter
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory
from temple_ledger.infrastructure.terminal.times import BEGINNING, END

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--member", "--user", "user_id", metavar="ID", help="Only of this member."),
    click.option("--type", "event_type", metavar="TYPE", help="Only of this type; TYPE/ACTION says both."),
    click.option("--action", metavar="ACTION", help="Only with this action."),
    click.option("--source", metavar="SOURCE", help="Only from this source."),
    click.option("--target", metavar="TARGET", help="Only with this target; of a role, its id or its name."),
    click.option(
        "--since",
        type=BEGINNING,
        metavar="TIME",
        help="Only what occurred at TIME or later; a date is its beginning.",
    ),
    click.option("--until", type=END, metavar="TIME", help="Only what occurred by TIME; a date is its end, in UTC."),
)


def picking(command: Command) -> Command:
    """The options, which arrive as keywords of `picked_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def picked_of(
    directory: RoleDirectory,
    *,
    user_id: str | None,
    event_type: str | None,
    action: str | None,
    source: str | None,
    target: str | None,
    since: datetime | None,
    until: datetime | None,
) -> EventFilter:
    if event_type is not None and action is None and "/" in event_type:
        event_type, _, action = event_type.partition("/")
    targets = None if target is None else (target, *(each.role for each in directory.called(target)))
    return EventFilter(user_id, event_type, action, source, targets, since, until)
