"""`temple fleet run`: the runners of many ledgers in one process."""

from contextlib import ExitStack
from pathlib import Path

import click

from temple_ledger.infrastructure.database.service_logins import RUN
from temple_ledger.infrastructure.observability.metrics.exposing import exposed
from temple_ledger.infrastructure.processes.fleet.at_work import work_until
from temple_ledger.infrastructure.processes.fleet.carry import CarriedLedger
from temple_ledger.infrastructure.processes.fleet.chosen import fleet_of, of_fleet, sessions_of
from temple_ledger.infrastructure.processes.fleet.metrics import fleet_registry, metrics_of
from temple_ledger.infrastructure.processes.metrics_server import OFF, metrics_port
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.not_loaded import print_not_loaded
from temple_ledger.infrastructure.terminal.ports import RUNNER_METRICS, listening_for
from temple_ledger.infrastructure.terminal.running import announce_running
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import stopped_by_signals


@click.command("run")
@of_fleet
@metrics_port
@click.pass_obj
def run(session: Session, ledgers: tuple[str, ...], file: Path | None, metrics_port: int | None) -> int:
    """Fold new events of all ledgers, as they come: the runner of temple run, once for each ledger, in one process.

    Each has two connections to its database and a thread. One that is down or slow, or that does not fit this
    version, is tried again by itself. Prometheus finds all of them on one page, with the label `ledger`.
    Ctrl-C or SIGTERM lets each finish the batch at hand.

    \b
    Examples:
      temple fleet run
      temple fleet run oracle tavern --metrics-port 9470
    \b
    Exit codes: 0 stopped; 1 metrics cannot be listened on; 2 the file cannot be read; 5 others may read it.
    """
    sessions = sessions_of(session, fleet_of(session, file), ledgers)
    for ledger_session in sessions:
        ledger_session.serves_as(RUN)
    print_not_loaded(session)
    session.is_service()
    metrics = metrics_of(sessions)
    carried = [CarriedLedger(each, metrics[each.name]) for each in sessions]
    with stopped_by_signals() as stop, announce_running(session.settings.home, "fleet run"), ExitStack() as stack:
        registry, collector = fleet_registry(metrics)
        stack.callback(collector.close)
        port = session.settings.metrics_port if metrics_port is None else metrics_port
        if port != OFF:
            token = session.settings.metrics_token
            secret = None if token is None else token.get_secret_value()
            with listening_for(RUNNER_METRICS, flag="--metrics-port"):
                stack.enter_context(exposed(registry, session.settings.metrics_host, port, token=secret))
        work_until(stop, session, carried, does="folding")
    return ExitCode.OK
