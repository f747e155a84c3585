"""`temple run`: the projection runner."""

from collections.abc import Sequence
from pathlib import Path

import click

from temple_ledger.infrastructure.database.service_logins import RUN
from temple_ledger.infrastructure.processes.foreground import Folded, fold
from temple_ledger.infrastructure.processes.metrics_server import OFF, measuring, metrics_port
from temple_ledger.infrastructure.processes.watched import run_watched
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.overview import without_tables
from temple_ledger.infrastructure.queries.projection_status import (
    RUNNING,
    parked_events,
    parked_in_words,
    projection_statuses,
)
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.lane_range import LaneRange
from temple_ledger.infrastructure.terminal.not_loaded import print_not_loaded, print_without_tables
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.running import announce_running
from temple_ledger.infrastructure.terminal.service_manager import notify_service_manager
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import stopped_by_signals
from temple_ledger.infrastructure.terminal.text import listed, plural
from temple_ledger.projections.lanes import EVERY
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import carried, catalogue, versions_named


@click.command("run")
@click.argument("projections", nargs=-1, metavar="[PROJECTION]...")
@click.option("--until-caught-up", is_flag=True, help="End once everything that is in the log by now is folded.")
@click.option(
    "--lanes",
    type=LaneRange(),
    default=EVERY,
    metavar="LANES",
    help="Lead only these lanes of projections that are split, as in 0-7 or 0-3,12. Default: those that are free.",
)
@click.option("--watched", type=click.Path(path_type=Path, exists=True, dir_okay=False), hidden=True)
@metrics_port
@click.pass_obj
def command(
    session: Session,
    projections: tuple[str, ...],
    until_caught_up: bool,
    lanes: frozenset[int],
    watched: Path | None,
    metrics_port: int | None,
) -> int:
    """Fold new events into the tables, as they come: all projections, or those named.

    Ctrl-C or SIGTERM lets it finish the batch at hand and end. Several may run at once: one of them leads a
    projection, another takes over when it is gone. A projection of an installed package is folded in a process
    of its own, which is ended when a rule does not return; its member is then parked. Where the built-in ones are
    far behind and there are two cores, a second process folds a part of their members.

    A projection that is split (temple projection lanes) is led lane by lane: with --lanes on each of two machines,
    both fold its members, half of them each.

    Until it ends, Prometheus finds its metrics at http://127.0.0.1:9464/metrics; not with --until-caught-up,
    unless a port is given.

    \b
    Examples:
      temple run
      temple run --until-caught-up && temple verify
      temple run --lanes 0-7
    \b
    Exit codes: 0 stopped, or caught up; 1 a projection stands still, has no tables or cannot be loaded;
    4 no database; 5 the database does not fit this version, reading it would not be safe, or the login is its owner;
    130 stopped before it had caught up.
    """
    wanted = [each for name in dict.fromkeys(projections) for each in versions_named(name)] or list(carried())
    if watched is not None:
        run_watched(session, wanted, mark=watched, until_caught_up=until_caught_up, lanes=lanes)
        return ExitCode.OK
    session.serves_as(RUN)
    missing = bool(print_not_loaded(session)) and not projections
    if until_caught_up and metrics_port is None:
        metrics_port = OFF
    with stopped_by_signals() as stop:
        database = session.database
        if not until_caught_up:
            session.is_service()
        with announce_running(session.settings.home, "run"), measuring(session, wanted, metrics_port) as measured:
            if not until_caught_up:
                names = list(dict.fromkeys(each.name for each in wanted))
                session.note(f"folding {listed(names)} in {database.name}; Ctrl-C ends it")
                notify_service_manager("READY=1")
            folded = fold(session, wanted, stop, until_caught_up=until_caught_up, measured=measured, lanes=lanes)
            notify_service_manager("STOPPING=1")
    if not until_caught_up:
        session.note(f"ended after the batch at hand; {plural(folded.total, 'event')} folded")
        return ExitCode.OK
    if stop.asked:
        session.note(f"ended before it had caught up; {plural(folded.total, 'event')} folded")
        return ExitCode.INTERRUPTED
    code = _summary(session, wanted, folded)
    return ExitCode.FAILED if missing else code


def _summary(session: Session, wanted: Sequence[Projection], folded: Folded) -> int:
    keys = {each.key for each in wanted}
    with snapshot(session.database) as connection:
        there = projection_statuses(connection, carried(), catalogue=catalogue())
        statuses = [each for each in there if each.key in keys]
        parked = parked_events(connection, [each.name for each in statuses])
    done = [each for each in statuses if each.state == RUNNING]
    if done:
        where = listed([f"{each.label} at position {each.position}" for each in done])
        rate = f" ({folded.total / folded.seconds:,.0f} events/s)" if folded.total else ""
        print_line(f"caught up, {where}: {plural(folded.total, 'event')} folded in {folded.seconds:.1f} s{rate}")
    if parked:
        session.note(f"{parked_in_words(parked)}; see: temple failures list")
    for each in statuses:
        if each.state == "trigger":
            session.note(f"{each.name} is maintained by the trigger, with each append; see: temple trigger status")
    standing = [each for each in statuses if each not in done and each.state != "trigger"]
    for each in standing:
        reason = f": {each.reason}" if each.reason else ""
        session.note(f"{each.label} stands still ({each.state}){reason}; run: {each.next_command}")
    missing = [key for key in without_tables(there) if key in keys]
    print_without_tables(session, missing)
    return ExitCode.FAILED if standing or missing else ExitCode.OK
