"""`temple reconcile`: the ritual that cron, or a runner, calls."""

import dataclasses
from pathlib import Path
from typing import Any, Final

import click

from temple_ledger.infrastructure.commands.seal_verify import SHOWN, noted_heads
from temple_ledger.infrastructure.commands.verification_report import chosen, compared
from temple_ledger.infrastructure.log.output_file import PRIVATE, through
from temple_ledger.infrastructure.read_models.verification.reconcile import Reconciled, reconcile
from temple_ledger.infrastructure.read_models.verification.report import VerificationReport
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.file_arguments import FileToWrite
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.scope import budget_seconds, scope_options
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.state_folder import private_folder
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.infrastructure.terminal.url_options import Url
from temple_ledger.projections.endless_folds import ends_endless_folds
from temple_ledger.projections.registry import catalogue

FOLDER: Final = "logs"
DETAILS: Final = "consistency-issues.log"


@click.command("reconcile")
@click.argument("projections", nargs=-1, metavar="[PROJECTION]...")
@scope_options(full=False)
@click.option(
    "--repair-below",
    type=click.IntRange(min=0),
    metavar="NUMBER",
    help="Repair when there are fewer issues; 0 never.  [default: the setting reconcile_repair_below, 10]",
)
@click.option(
    "--pushgateway",
    type=Url(scheme="http"),
    metavar="URL",
    help="Push the result to this Pushgateway.  [env: TEMPLE_PUSHGATEWAY]",
)
@click.option(
    "--details",
    type=FileToWrite(with_folders=True),
    metavar="FILE",
    help=f"Append the differences here, as JSON lines.  [default: {FOLDER}/{DETAILS} in the state directory]",
)
@as_json
@click.pass_obj
@ends_endless_folds
def command(
    session: Session,
    projections: tuple[str, ...],
    full: bool,
    since_last: bool,
    budget: float | None,
    repair_below: int | None,
    pushgateway: str | None,
    details: Path | None,
    as_json: bool,
) -> int:
    """Verify, write down what was found, repair when it is little, and push the result to the Pushgateway.

    What is more than little is left to people, and printed. Nothing is repaired from a log that is not what was
    sealed, or is not proven as a whole yet. Fit for cron; `temple run` and `temple up` do the
    same every 15 minutes by themselves.

    \b
    Example:
      */15 * * * *  temple reconcile --pushgateway http://127.0.0.1:9091
    \b
    Exit codes: 0 all agrees, or was repaired; 3 issues are left, the log was changed, or a projection cannot
    be loaded or has no tables; 4 no database, or the Pushgateway did not accept the result.
    """
    seconds = budget_seconds(full=full, since_last=since_last, budget=budget, full_by_default=False)
    wanted, incomplete = chosen(session, projections)
    result = reconcile(
        session.database,
        wanted,
        full=seconds is None,
        budget_seconds=seconds or 0.0,
        repair_below=session.settings.reconcile_repair_below if repair_below is None else repair_below,
        pushgateway=pushgateway or session.settings.pushgateway,
        details=_writable(session, details),
        by=session.operator,
        catalogue=catalogue(),
        heads=noted_heads(session),
    )
    if as_json:
        print_json(_data(result))
    else:
        _print_result(session, result)
    if (
        incomplete
        or result.left
        or result.log_changed
        or any(report.verified.unverified is not None for report in result.found)
    ):
        return ExitCode.FOUND
    return ExitCode.OK if result.push_error is None else ExitCode.UNREACHABLE


def _writable(session: Session, details: Path | None) -> Path | None:
    """Where the differences go; None, and a word about it, where they cannot be written: the rest goes on."""
    try:
        path = private_folder(session.settings.home, FOLDER) / DETAILS if details is None else details
        through(path, append=True, mode=PRIVATE).close()
        return path
    except OSError as error:
        session.note(f"the details cannot be written to {error.filename}: {error.strerror}; see: temple verify list")
        return None


def _print_result(session: Session, result: Reconciled) -> None:
    for report in result.found:
        print_line(_sentence(report))
    if result.repaired:
        print_line(f"{plural(result.repaired, 'member or count', 'members or counts')} repaired")
    for sentence in result.sentences:
        print_line(sentence)
    for finding in result.log_changed[:SHOWN]:
        print_line(f"  {finding}")
    if result.left:
        print_line(f"{plural(result.left, 'issue')} left; see: temple verify list, and: temple repair")
    if result.push_error is not None:
        session.note(result.push_error)


def _sentence(report: VerificationReport) -> str:
    verified = report.verified
    if verified.unverified is not None:
        return f"{verified.projection}: not verified, {verified.unverified}"
    found = "agrees with the log" if verified.ok else f"{plural(verified.issues, 'issue')} found"
    return f"{verified.projection}: {found} at position {verified.position} ({verified.kind}, {compared(report)})"


def _data(result: Reconciled) -> dict[str, Any]:
    found = [
        {
            "projection": verified.projection,
            "kind": verified.kind,
            "position": verified.position,
            "members": verified.members,
            "issues": verified.issues,
            "unverified": verified.unverified,
        }
        for verified in (report.verified for report in result.found)
    ]
    fields = {each.name: getattr(result, each.name) for each in dataclasses.fields(result)}
    return {**fields, "found": found}
