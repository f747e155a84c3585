"""`temple verify`: the tables against the fold of the log, and what earlier ones found."""

from typing import Any, Final

import click

from temple_ledger.infrastructure.commands.engine_options import chosen_engine, engine_options
from temple_ledger.infrastructure.commands.seal_verify import print_proof, proof_data, proven
from temple_ledger.infrastructure.commands.verification_report import (
    chosen,
    compare_everybody,
    compare_since_last,
    print_report,
    report_data,
    verifier_of,
)
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.read_models.verification.full import Elsewhere
from temple_ledger.infrastructure.read_models.verification.result import MOST_LISTED
from temple_ledger.infrastructure.read_models.verification.since_last import Round
from temple_ledger.infrastructure.read_models.verification.stored_results import (
    StoredVerification,
    rounds,
    stored_verification,
    stored_verifications,
)
from temple_ledger.infrastructure.terminal.drift_rows import SHOWN, print_drifts
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.scope import budget_seconds, scope_options
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_fields, print_json, print_rows
from temple_ledger.infrastructure.terminal.subcommands import WithVerbs
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.drift import Drift, DriftKind
from temple_ledger.projections.endless_folds import ends_endless_folds
from temple_ledger.projections.registry import installed, named

FINISHED: Final = "finished (UTC)"
LOG_SHARE: Final = 0.1
"""Of the budget of a verify, for comparing the log with its seals."""

COLUMNS: Final = ("id", "projection", "kind", FINISHED, "position", "members", "drifts", "miscounted", "parked")


@click.command("verify", cls=WithVerbs)
@click.argument("projections", nargs=-1, metavar="[PROJECTION]...")
@scope_options(full=True)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="With --archive: so many processes."
)
@engine_options
@click.option("--events", "with_events", is_flag=True, help="Show the events behind each difference.")
@as_json
@click.pass_obj
@ends_endless_folds
def command(
    session: Session,
    projections: tuple[str, ...],
    full: bool,
    since_last: bool,
    budget: float | None,
    workers: int,
    archive: str | None,
    engine: str | None,
    with_events: bool,
    as_json: bool,
) -> int:
    """Compare what is stored with what the log says, at one position, while everything else goes on.

    A full one also compares how many events were passed with how many there are. Parked members are
    listed apart: their rows are as before the event that parked them. Every result is saved. The log itself is
    compared with its seals: all of it by a full one, a share that goes on by the others.

    \b
    Examples:
      temple verify members --events
      temple verify --since-last --budget 5
      temple verify --full --archive /srv/temple/archive --workers 8
      temple verify list
    \b
    Exit codes: 0 all agrees; 3 rows differ, events were miscounted, a checkpoint is beyond the log, the log is
    not what was sealed, or a projection needs a replay first, has no tables yet or cannot be loaded.
    """
    seconds = budget_seconds(full=full, since_last=since_last, budget=budget, full_by_default=True)
    elsewhere = _elsewhere(session, seconds, archive=archive, engine=engine, workers=workers)
    wanted, incomplete = chosen(session, projections)
    explained = MOST_LISTED if as_json else SHOWN if with_events else 0
    with verifier_of(session) as verifier:
        if not full and not since_last:
            session.note("comparing everything; --since-last compares whom events have touched since the last time")
        reports = [
            compare_everybody(session, verifier, each, explained=explained, elsewhere=elsewhere)
            if seconds is None
            else compare_since_last(session, verifier, each, budget_seconds=seconds, explained=explained)
            for each in wanted
        ]
        directory = verifier.ask(read_directory)
    # a rolling share of the log within the budget, all of it without one
    log = proven(session) if seconds is None else proven(session, budget_seconds=seconds * LOG_SHARE, anew=False)
    if as_json:
        print_json([report_data(report) for report in reports], log=proof_data(log))
    else:
        for report in reports:
            print_report(report, directory)
        print_proof(session, log)
    if all(report.agrees for report in reports):
        return ExitCode.FOUND if incomplete or log.findings else ExitCode.OK
    wrong = [report.projection.name for report in reports if not report.verified.ok]
    if wrong:
        session.note(f"to see what would be put right: temple repair {' '.join(wrong)}")
    return ExitCode.FOUND


def _elsewhere(
    session: Session, seconds: float | None, *, archive: str | None, engine: str | None, workers: int
) -> Elsewhere | None:
    if seconds is not None and (archive is not None or engine is not None):
        raise click.UsageError("--archive and --engine are about a full verify: --since-last reads little")
    chosen = chosen_engine(session, archive=archive, engine=engine, workers=workers)
    if chosen is None:
        return None
    from temple_ledger.infrastructure.read_models.verification.by_buckets import ByBuckets

    return ByBuckets(chosen.archive, chosen.engine, workers)


@command.verb
@click.command("list")
@click.option("--projection", metavar="NAME", help="Only of this projection.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="At most so many, newest first.")
@as_json
@click.pass_obj
def list_(session: Session, projection: str | None, limit: int, as_json: bool) -> None:
    """Saved results, and when everybody was covered last.

    \b
    Example:
      temple verify list --projection members
    """
    keys = [each.key for each in (installed().values() if projection is None else [named(projection)])]
    with snapshot(session.reading) as connection:
        found = stored_verifications(connection, projection, limit=limit)
        covered = rounds(connection, keys)
    if as_json:
        print_json({"results": [_result(each) for each in found], "covered": [_round(each) for each in covered]})
        return
    if found:
        print_rows([_row(each) for each in found], COLUMNS, as_json=False)
        print_line()
    for each in covered:
        print_line(f"{each.projection}: {_covered(each)}")


@command.verb
@click.command("show")
@click.argument("number", type=int)
@as_json
@click.pass_obj
def show(session: Session, number: int, as_json: bool) -> None:
    """One result with its differences.

    \b
    Example:
      temple verify show 12 --json
    """
    with snapshot(session.reading) as connection:
        found = stored_verification(connection, number)
        directory = read_directory(connection)
    listed = found.listed or []
    if as_json:
        print_json({**_result(found), "differences": listed})
        return
    fields = _result(found)
    del fields["miscounted"]
    print_fields(fields, as_json=False)
    if _miscounted(found):
        print_line(f"miscounted: it passed {plural(found.passed, 'event')}, the log had {found.in_log:,}")
    if listed:
        print_line()
        drifts = [Drift(**{**each, "kind": DriftKind(each["kind"])}) for each in listed]
        print_drifts(drifts, directory, total=found.drifts)


def _miscounted(result: StoredVerification) -> bool:
    return result.in_log is not None and result.in_log != result.passed


def _result(result: StoredVerification) -> dict[str, Any]:
    fields = {name: getattr(result, name) for name in result.__dataclass_fields__ if name != "listed"}
    return {**fields, "miscounted": _miscounted(result)}


def _row(result: StoredVerification) -> dict[str, Any]:
    return {**_result(result), FINISHED: f"{result.finished_at:%Y-%m-%d %H:%M}", "position": str(result.position)}


def _round(each: Round) -> dict[str, Any]:
    return {
        "projection": each.projection,
        "verified_position": each.verified_position,
        "next_user": each.next_user,
        "began_at": each.began_at,
        "completed_at": each.completed_at,
    }


def _covered(each: Round) -> str:
    if each.began_at is None:
        return "never verified"
    covered = "not everybody was covered yet"
    if each.completed_at is not None:
        covered = f"everybody was covered by {each.completed_at:%Y-%m-%d %H:%M:%S} UTC"
    going_on = "" if each.next_user is None else f"; a round goes on after {each.next_user}"
    return f"{covered}, verified up to position {each.verified_position}{going_on}"
