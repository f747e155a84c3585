"""`temple projection check`: a projection that need not be installed, tried on the log; nothing is written."""

import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import click

from temple_ledger.domain.errors import RuleEndedProcess
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.member import require_member
from temple_ledger.infrastructure.queries.trial import MemberTrial, Trial, try_everybody, try_member, try_tally
from temple_ledger.infrastructure.terminal.event_rows import event_data, event_name
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.member_rows import rows_data
from temple_ledger.infrastructure.terminal.own_process import About, OwnProcess
from temple_ledger.infrastructure.terminal.printing import print_line, print_text
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.endless_folds import endless_folds_end
from temple_ledger.projections.loading import load_projection
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import catalogue
from temple_ledger.projections.tables import Rows
from temple_ledger.projections.tally import Tally

Result = TypeVar("Result")
SHOWN = 10
"""Members at fault that a person is shown; --json has all that were noted."""


@click.command("check")
@click.argument("place", metavar="MODULE:NAME")
@click.option("--member", "user_id", metavar="ID", help="Only this member: its rows after each event.")
@as_json
@click.pass_obj
def check(session: Session, place: str, user_id: str | None, as_json: bool) -> int:
    """Fold a projection that need not be installed, and write nothing.

    MODULE:NAME is what an entry point would have; modules in the current folder are found too. Each history is
    folded as the test kit folds it. What fails is shown with file, line and function. It is folded in a process of
    its own: a rule that ends or crashes it is at fault, too; and in two more, with another order of sets and in other
    time zones, in which the rows have to be the same.

    \b
    Example:
      temple projection check temple_ledger.projections.members:members --member 500000000000000001
    \b
    Exit codes: 0 all is well; 1 it cannot be loaded; 3 a member could not be folded, or a rule is at fault.
    """
    if os.getcwd() not in sys.path:  # noqa: PTH109 - a text, as sys.path has it
        # last: a file of the folder may have the name of a module that we load later
        sys.path.append(os.getcwd())  # noqa: PTH109 - as above
    if not all(place.partition(":")):
        raise click.UsageError(f"{place!r} is no MODULE:NAME; write for example my_package.grants:grants")
    projection = load_projection(place)
    if user_id is not None and isinstance(projection, MemberProjection):
        return _one_member(session, projection, user_id, as_json=as_json)
    if user_id is not None:
        raise click.UsageError(f"{projection.name} is a tally, which has no rows of one member; leave out --member")
    return _everybody(session, projection, place, as_json=as_json)


def _one_member(session: Session, projection: MemberProjection[object], user_id: str, *, as_json: bool) -> int:
    database = session.reading

    def fold(about: About, each: Callable[[], None]) -> MemberTrial:
        with snapshot(database) as connection:
            require_member(connection, user_id)
            about(f"member {user_id}")
            return try_member(connection, projection, catalogue(), user_id)

    try:
        trial = _apart(session, fold).result(lambda: None)
    except RuleEndedProcess as ended:
        trial = MemberTrial([], str(ended))
    if as_json:
        steps = [
            {"event": event_data(event), "rows": rows_data(projection.tables, rows)} for event, rows in trial.steps
        ]
        rows = None if trial.rows is None else rows_data(projection.tables, trial.rows)
        print_json(
            {"projection": projection.name, "user_id": user_id, "steps": steps, "rows": rows, "fault": trial.fault}
        )
    else:
        _print_steps(projection, user_id, trial)
    return ExitCode.OK if trial.fault is None else ExitCode.FOUND


def _print_steps(projection: MemberProjection[object], user_id: str, trial: MemberTrial) -> None:
    if trial.rows is not None:
        print_line("a history too long for the rows after each event; in the end they are")
        for line in sorted(_lines(projection, trial.rows)):
            print_line(f"  {line}")
    elif not trial.steps and trial.fault is None:
        print_line(f"{projection.name} folds no event of {user_id}; it has rules for {_rules(projection)}")
    before: set[str] = set()
    for event, rows in trial.steps:
        target = "" if event.target is None else f"  {event.target}"
        head = f"{event.position}  {event.occurred_at:%Y-%m-%d %H:%M:%S} UTC  {event_name(event)}{target}"
        print_line(head)
        now = _lines(projection, rows)
        for line in sorted(now | before):
            print_line(f"  {'+' if line not in before else ' ' if line in now else '-'} {line}")
        before = now
    if trial.fault is not None:
        print_text(trial.fault)


def _lines(projection: MemberProjection[object], rows: Rows) -> set[str]:
    return {
        f"{table}: " + ", ".join(f"{name} {_value(value)}" for name, value in row.items())
        for table, found in rows_data(projection.tables, rows).items()
        for row in found
    }


def _value(value: object) -> str:
    return str(value) if isinstance(value, datetime) else repr(value)


def _everybody(session: Session, projection: Projection, place: str, *, as_json: bool) -> int:
    database = session.reading

    def fold(about: About, each: Callable[[], None]) -> Trial:
        with snapshot(database) as connection:
            if isinstance(projection, Tally):
                return try_tally(connection, projection, catalogue(), about=about)
            return try_everybody(connection, projection, catalogue(), place=place, each=each, about=about)

    folding = _apart(session, fold)
    try:
        with bar(session.progress, "folding", None, "members") as done:
            trial = folding.result(lambda: done.advance(1))
    except RuleEndedProcess as ended:
        trial = Trial()
        trial.found(str(ended))
    if as_json:
        print_json({"projection": projection.name, **trial.as_data()})
    else:
        _print_trial(projection, trial)
    return ExitCode.FOUND if trial.faults else ExitCode.OK


def _apart(session: Session, fold: Callable[[About, Callable[[], None]], Result]) -> OwnProcess[Result]:
    def limited(about: About, each: Callable[[], None]) -> Result:
        with endless_folds_end():
            return fold(about, each)

    # here, so that what it notes of a standby is noted once
    with snapshot(session.reading):
        pass
    return OwnProcess(limited)


def _print_trial(projection: Projection, trial: Trial) -> None:
    for fault in trial.listed[:SHOWN]:
        print_text(fault)
        print_line()
    counted = "" if trial.members is None else f" of {plural(trial.members, 'member')}"
    print_line(f"{projection.name}: {plural(trial.events, 'event')}{counted} folded, {_at_fault(trial)}")
    if trial.members and trial.tried < trial.members - trial.too_long:
        print_line(f"  every way of folding was tried on the first {plural(trial.tried, 'member')}")
    if trial.too_long:
        print_line(f"  of {plural(trial.too_long, 'member')} the history is too long for that; it was folded once")
    if not trial.events and not trial.faults and isinstance(projection, MemberProjection):
        print_line(f"  the log has no event that it folds; it has rules for {_rules(projection)}")


def _at_fault(trial: Trial) -> str:
    if not trial.faults:
        return "nothing is at fault"
    what = "event" if trial.members is None else "member"
    return f"{plural(trial.faults, what)} at fault" + (f", {SHOWN} shown" if trial.faults > SHOWN else "")


def _rules(projection: MemberProjection[object]) -> str:
    return ", ".join(sorted(model.__name__ for model in projection.steps)) or "no event at all"
