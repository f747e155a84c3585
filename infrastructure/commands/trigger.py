"""`temple trigger`: whether a runner or the database itself maintains the rows of `members`."""

from dataclasses import asdict

import click

from temple_ledger.infrastructure.commands.changed_log import from_changed_log, require_sealed_log
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.read_models import trigger_mode
from temple_ledger.infrastructure.terminal.applying import optional_reason
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_fields
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.registry import catalogue


@click.group("trigger", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Who maintains the tables of roles and of members: a runner, or a trigger in the database.

    With the trigger on, the tables are right as soon as an append is committed, without a runner; but whoever
    appends for a member waits for whoever did so before, and appends are slower. Everything else, such as activity,
    stays with the runner.
    """


@command.command("enable")
@click.option("--yes", is_flag=True, hidden=True)
@optional_reason
@from_changed_log
@click.pass_obj
def enable(session: Session, yes: bool, reason: str | None, from_changed_log: bool) -> None:
    """Let the database maintain the rows of members, from an exact position on.

    From then on appends fold their events themselves, and wait for one another. It folds what is left, then switches
    in a moment in which nobody appends; waits up to half a minute for one. `temple trigger disable` undoes it.

    \b
    Example:
      temple trigger enable --reason "no runner on this machine"
    \b
    Exit codes: 0 it is on; 3 the log is not what was sealed; 5 it was on already, members stands still, or
    somebody holds the log.
    """
    reason = require_sealed_log(session, from_changed_log=from_changed_log, reason=reason)
    switched = trigger_mode.enable(session.database, by=session.operator, catalogue=catalogue(), reason=reason)
    print_line(f"the trigger maintains members from position {switched.position + 1} on")
    if yes:
        session.note("--yes is not needed any more, and the next release drops it: nothing is asked")


@command.command("disable")
@optional_reason
@from_changed_log
@click.pass_obj
def disable(session: Session, reason: str | None, from_changed_log: bool) -> None:
    """Give the rows of members back to the runner, which goes on from an exact position.

    \b
    Example:
      temple trigger disable
    \b
    Exit codes: 0 it is off; 3 the log is not what was sealed; 5 it was off already, or somebody holds the log.
    """
    reason = require_sealed_log(session, from_changed_log=from_changed_log, reason=reason)
    switched = trigger_mode.disable(session.database, by=session.operator, reason=reason)
    if switched.again:
        print_line(
            "the trigger had been dropped or disabled by somebody: "
            f"the runner folds everything after position {switched.position} again"
        )
        return
    print_line(
        f"the runner maintains members from position {switched.position + 1} on; "
        f"the trigger had folded {plural(switched.events, 'event')}"
    )


@command.command("status")
@as_json
@click.pass_obj
def status(session: Session, as_json: bool) -> int:
    """Who maintains the rows of members now, and since when.

    \b
    Example:
      temple trigger status --json
    \b
    Exit codes: 0 all is well; 3 nobody or more than one maintains the rows, or its functions are of
    another version.
    """
    with snapshot(session.reading) as connection:
        found = trigger_mode.trigger_status(connection)
    kept_by = "trigger" if found.on else "runner"
    if as_json:
        print_fields({"kept_by": kept_by, **asdict(found), "problem": found.problem}, as_json=True)
    else:
        fields: dict[str, object] = {"maintained by": kept_by, "state": found.state, "parked members": found.parked}
        if found.on:
            fields |= {"since position": str(found.since_position), "since": found.since, "events since": found.events}
        if found.waiting is not None:
            waits = f"version {found.waiting} waits for: temple projection switch members --to {found.waiting}"
            fields["functions"] = f"of version {found.version}, which readers see; {waits}"
        print_fields(fields, as_json=False)
    if found.problem is not None:
        session.note(found.problem)
        return ExitCode.FOUND
    return ExitCode.OK
