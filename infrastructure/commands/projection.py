"""`temple projection`: how far each projection is, and what is decided about it."""

from typing import Any, Final

import click

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.commands.projection_check import check
from temple_ledger.infrastructure.commands.projection_lanes import lanes
from temple_ledger.infrastructure.commands.projection_rows import explain, history, rows
from temple_ledger.infrastructure.commands.projection_versions import compare, drop, switch
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.overview import without_tables
from temple_ledger.infrastructure.queries.projection_status import (
    NOT_LOADED,
    ProjectionStatus,
    projection_status,
    projection_statuses,
)
from temple_ledger.infrastructure.queries.versions import projection_named
from temple_ledger.infrastructure.queries.waiting import wait_for
from temple_ledger.infrastructure.read_models.operations import set_state
from temple_ledger.infrastructure.terminal.applying import optional_reason
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.not_loaded import print_not_loaded
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_fields, print_rows
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.placing import placed_as
from temple_ledger.projections.registry import carried, catalogue, named, reasons_not_loaded

POLL_SECONDS: Final = 0.05
WAIT_SECONDS: Final = 60.0

name_argument = click.argument("name", metavar="NAME")


@click.group("projection")
def command() -> None:
    """List, show, pause and resume projections, ask one about a member, or give readers another version of it."""


@command.command("list")
@as_json
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """Every projection: its state, position, lag and who runs it.

    States: running; idle, where nobody runs it (with --json: running, without a leader); paused, rebuilding, failed;
    needs replay, where this version of the code has other rules than the rows were made by; not installed, where it
    is not in this installation; not loaded, where its package cannot be loaded here.

    \b
    Example:
      temple projection list
    """
    with snapshot(session.reading) as connection:
        found = projection_statuses(connection, carried(), reasons_not_loaded(), catalogue=catalogue())
    there = {each.name for each in found}
    rows: list[dict[str, Any]] = [each.data if as_json else _row(each) for each in found]
    rows += [
        {"name": name, "state": NOT_LOADED, "reason": reason}
        for name, reason in reasons_not_loaded().items()
        if name not in there
    ]
    print_rows(rows, ("name", "state", "position", "lag", "parked", "leader"), as_json=as_json)
    if not as_json:
        for each in found:
            if each.next_command:
                session.note(f"{each.label} stands still: {each.next_command}")
        for key in without_tables(found):
            session.note(f"{key} is installed, and has no tables yet: temple db migrate")
    print_not_loaded(session)


@command.command("show")
@name_argument
@as_json
@click.pass_obj
def show(session: Session, name: str, as_json: bool) -> None:
    """Everything about one projection.

    \b
    Example:
      temple projection show members
    """
    with snapshot(session.reading) as connection:
        projection = projection_named(connection, name)
        status = projection_status(connection, carried(), str(projection.key), catalogue=catalogue())
    tables = [str(table.place) for table in placed_as(projection, active=status.active).tables]
    if as_json:
        print_fields({**status.data, "tables": tables}, as_json=True)
        return
    fields = {"name": status.label, "state": status.activity, "reason": status.reason, "lag": status.lag}
    for name, value in {
        **status.data,
        "position": str(status.position),
        "tables": ", ".join(tables),
    }.items():
        if name not in ("lag_events", "lag_seconds"):
            fields.setdefault(name, value)
    print_fields(fields, as_json=False)
    if status.next_command:
        session.note(f"it stands still: {status.next_command}")


@command.command("pause")
@name_argument
@optional_reason
@click.pass_obj
def pause(session: Session, name: str, reason: str | None) -> None:
    """Fold nothing more until it is resumed, also after restarts; its rows stay as they are.

    \b
    Example:
      temple projection pause members --reason "restoring a table by hand"
    """
    before = set_state(
        session.database, _key_of(session, name), ProjectionState.PAUSED, by=session.operator, reason=reason
    )
    if before.state is ProjectionState.PAUSED:
        print_line(f"{name} was paused already, at position {before.position}")
    else:
        print_line(f"{name} is paused at position {before.position}; temple projection resume {name} goes on")


@command.command("resume")
@name_argument
@optional_reason
@click.option("--park", is_flag=True, help="Park as many members as cannot be folded, until it is resumed without it.")
@click.pass_obj
def resume(session: Session, name: str, reason: str | None, park: bool) -> None:
    """Go on after a pause or a failure.

    A projection fails when more than 20 members, and more than half of those that met an event, cannot be
    folded for one reason. After the rule is repaired, resume it; with --park they are parked instead.

    \b
    Example:
      temple projection resume members
    """
    before = set_state(
        session.database,
        _key_of(session, name),
        ProjectionState.RUNNING,
        by=session.operator,
        reason=reason,
        parks_freely=park,
    )
    was = "was running already" if before.state is ProjectionState.RUNNING else f"was {before.state}, and goes on"
    print_line(f"{name} {was}, from position {before.position}")


@command.command("wait")
@name_argument
@click.option("--position", type=click.IntRange(min=0), help="Wait for this one. Default: the log's head as it is now.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=WAIT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long at most.",
)
@click.pass_obj
def wait(session: Session, name: str, position: int | None, timeout: float) -> int:
    """Wait until the projection has folded a position, by a runner that runs elsewhere.

    With TEMPLE_READ_URL, until the standby has it too: what is read after that is read there.

    \b
    Example:
      temple events import history.jsonl && temple projection wait members && temple member list
    \b
    Exit codes: 0 it is there; 1 it was not when the time was over.
    """
    named(name)
    wanted = None if position is None else Position(position)
    reached = wait_for(
        session.database,
        carried(),
        name,
        wanted,
        timeout_seconds=timeout,
        catalogue=catalogue(),
        idle=session.note,
        reading=session.standby,
    )
    print_line(f"{name} is at position {reached}")
    return ExitCode.OK


for each in (rows, history, explain, check, compare, switch, drop, lanes):
    command.add_command(each)


def _row(status: ProjectionStatus) -> dict[str, Any]:
    return {**status.data, "name": status.label, "position": str(status.position), "lag": status.lag}


def _key_of(session: Session, name: str) -> ProjectionKey:
    """Raises UnknownName, with near names."""
    with snapshot(session.database) as connection:
        return projection_named(connection, name).key
