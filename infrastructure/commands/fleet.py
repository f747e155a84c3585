"""`temple fleet`: many ledgers, looked after together."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.commands.fleet_listen import listen
from temple_ledger.infrastructure.commands.fleet_receive import receive
from temple_ledger.infrastructure.commands.fleet_run import run
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.schema import Changed, bring_up_to_date
from temple_ledger.infrastructure.observability.doctor.finding import CheckOutcome
from temple_ledger.infrastructure.processes.fleet.chosen import fleet_of, of_fleet, sessions_of
from temple_ledger.infrastructure.processes.fleet.doctor import check_ledger
from temple_ledger.infrastructure.processes.fleet.ledgers import Asked, LedgerSession, ask_each, require_guild
from temple_ledger.infrastructure.processes.fleet.status import ledger_line
from temple_ledger.infrastructure.read_models.verification.report import VerificationReport, Verifier
from temple_ledger.infrastructure.terminal.checks import print_check
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode, exit_code_of
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.scope import budget_seconds, scope_options
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json, print_rows
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.registry import carried, catalogue

STATUS: Final = ("ledger", "state", "events", "lag", "parked", "trouble")
VERIFIED: Final = ("ledger", "projection", "position", "members", "drifts", "found")


@click.group("fleet")
def command() -> None:
    """Many ledgers, each in a database of its own, looked after together. A file lists them.

    One that is down, slow or behind is named, and holds up none of the others.
    """


for each in (run, receive, listen):
    command.add_command(each)


@command.command("migrate")
@of_fleet
@click.pass_obj
def migrate(session: Session, ledgers: tuple[str, ...], file: Path | None) -> int:
    """Bring every ledger up to date, one after the other: what temple db migrate does for one.

    A ledger with a `migrate_dsn` is migrated by that login.

    \b
    Example:
      temple fleet migrate
    \b
    Exit codes: 0 all are up to date; 4 or 5 that of the first one that is not, with the others done.
    """
    code = ExitCode.OK
    for asked in ask_each(sessions_of(session, fleet_of(session, file), ledgers), _migrated, at_once=1):
        if asked.answer is None:
            code = code or _failed(asked)
            continue
        print_line(f"{asked.session.name}: {_what_changed(asked.answer)}")
        code = code or (ExitCode.REFUSED if asked.answer.refused else ExitCode.OK)
    return code


def _migrated(session: LedgerSession) -> Changed:
    dsn = session.ledger.migrate_dsn
    database = session.database if dsn is None else Database(dsn.get_secret_value(), session.database.name)
    return bring_up_to_date(database, goes_on=True)


def _what_changed(changed: Changed) -> str:
    done = [
        *([plural(len(changed.migrations), "migration") + " applied"] if changed.migrations else ()),
        *([f"made {', '.join(changed.tables)}"] if changed.tables else ()),
        *([f"to fill: {', '.join(changed.unfilled)}, by temple replay"] if changed.unfilled else ()),
        *(f"{each.projection} stands still: {each.reason}" for each in changed.refused),
        *(f"run as a superuser: {each}" for each in changed.grants),
    ]
    return "; ".join(done) or "up to date"


@command.command("status")
@of_fleet
@as_json
@click.pass_obj
def status(session: Session, ledgers: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """How every ledger is, in a line each: the gravest trouble of those that have some.

    \b
    Examples:
      temple fleet status
      temple fleet status oracle --json
    \b
    Exit codes: 0 whatever it has to say. For an exit code that says whether all is well: temple fleet doctor.
    """
    found = list(ask_each(sessions_of(session, fleet_of(session, file), ledgers), ledger_line))
    if as_json:
        print_json([_status_data(each) for each in found])
        return
    rows = [{**_status_data(each), "lag": "–" if each.answer is None else each.answer.lag} for each in found]
    print_rows(rows, STATUS, as_json=False)


def _status_data(asked: "Asked[Any]") -> dict[str, Any]:
    name, guild = asked.session.name, asked.session.ledger.guild
    if asked.answer is None:
        error = str(asked.error)
        state = "away" if isinstance(asked.error, DatabaseUnavailable) else "not read"
        return {"ledger": name, "guild": guild, "state": state, "error": error, "trouble": error}
    data = asked.answer.data
    first = data["troubles"][0] if data["troubles"] else None
    trouble = None if first is None else f"{first['what']}: {first['next']}"
    return {"ledger": name, "guild": guild, "state": "trouble" if first else "well", "trouble": trouble, **data}


@command.command("verify")
@of_fleet
@scope_options(full=True)
@as_json
@click.pass_obj
def verify(
    session: Session,
    ledgers: tuple[str, ...],
    file: Path | None,
    full: bool,
    since_last: bool,
    budget: float | None,
    as_json: bool,
) -> int:
    """Compare the tables of every ledger with its log, one ledger after the other: what temple verify does for one.

    \b
    Example:
      temple fleet verify --since-last --budget 5
    \b
    Exit codes: 0 all agree; 3 some differ; 4 or 5 where one could not be compared, whatever the others have.
    """
    seconds = budget_seconds(full=full, since_last=since_last, budget=budget, full_by_default=True)
    code, rows = ExitCode.OK, []
    sessions = sessions_of(session, fleet_of(session, file), ledgers)
    for asked in ask_each(sessions, lambda each: _verified(each, seconds), at_once=1):
        if asked.answer is None:
            code = max(code, _failed(asked))
            continue
        rows += [_verified_row(asked.session.name, each) for each in asked.answer]
        if not all(each.agrees for each in asked.answer):
            code = max(code, ExitCode.FOUND)
    print_rows(rows, VERIFIED, as_json=as_json)
    return code


def _verified(session: LedgerSession, seconds: float | None) -> Sequence[VerificationReport]:
    require_guild(session.database, session.ledger)
    with Verifier(session.database, catalogue=catalogue()) as verifier:
        return [
            verifier.full(each, explained=0)
            if seconds is None
            else verifier.since_last(each, budget_seconds=seconds, explained=0)
            for each in carried()
        ]


def _verified_row(ledger: str, report: VerificationReport) -> dict[str, Any]:
    verified = report.verified
    return {
        "ledger": ledger,
        "projection": str(report.projection.key),
        "position": str(verified.position),
        "members": verified.members,
        "drifts": verified.drifts,
        "found": "agrees" if report.agrees else verified.unverified or "differs: temple verify --events has more",
    }


@command.command("doctor")
@of_fleet
@as_json
@click.pass_obj
def doctor(session: Session, ledgers: tuple[str, ...], file: Path | None, as_json: bool) -> int:
    """Check that every ledger is reached, is the one that the file means, and on a shared server is closed to others.

    On the servers that the file calls shared, the login of the next ledger is tried on each: it has to be refused.

    \b
    Example:
      temple fleet doctor
    \b
    Exit codes: 0 nothing failed; 3 a check failed.
    """
    fleet = fleet_of(session, file)
    found = list(ask_each(sessions_of(session, fleet, ledgers), lambda each: check_ledger(each, fleet)))
    checks = [(each.session.name, check) for each in found for check in each.answer or ()]
    if as_json:
        print_json([{"ledger": name, **asdict(check)} for name, check in checks])
    else:
        for name in dict.fromkeys(name for name, _ in checks):
            print_line(name)
            for check in (each for of, each in checks if of == name):
                print_check(check)
    failed = any(check.outcome is CheckOutcome.FAIL for _, check in checks)
    return ExitCode.FOUND if failed else ExitCode.OK


def _failed(asked: "Asked[Any]") -> ExitCode:
    asked.session.note(str(asked.error))
    return ExitCode.FAILED if asked.error is None else exit_code_of(asked.error)
