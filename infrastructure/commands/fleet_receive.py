"""`temple fleet receive`: the webhooks of many ledgers in one process."""

from contextlib import ExitStack
from pathlib import Path

import click

from temple_ledger.infrastructure.database.service_logins import RECEIVE
from temple_ledger.infrastructure.observability.metrics.exposing import exposed
from temple_ledger.infrastructure.observability.metrics.registry import new_registry
from temple_ledger.infrastructure.processes.fleet.chosen import fleet_of, of_fleet, sessions_of
from temple_ledger.infrastructure.processes.fleet.receive import receiving_for_all
from temple_ledger.infrastructure.processes.metrics_server import OFF
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.ports import RECEIVER_METRICS, listening_for
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.running import announce_running
from temple_ledger.infrastructure.terminal.service_manager import serve_until
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import stopped_by_signals


@click.command("receive")
@of_fleet
@click.option("--host", metavar="ADDRESS", help="Where to listen.  [env: TEMPLE_RECEIVE_HOST; default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help="Its port.  [env: TEMPLE_RECEIVE_PORT]",
)
@click.pass_obj
def receive(session: Session, ledgers: tuple[str, ...], file: Path | None, host: str | None, port: int | None) -> int:
    """Take in the webhooks of all ledgers: each delivery goes to the ledger whose secret verified it.

    Several ledgers may share a path, such as /hooks/patreon/main. One whose database is down answers 503 for its own
    deliveries, and its senders come again.

    \b
    Example:
      temple fleet receive
    \b
    Exit codes: 0 stopped; 1 it cannot listen there, or ended by itself; 2 the file cannot be read; 5 others may read
    it, or no ledger has a secret.
    """
    sessions = sessions_of(session, fleet_of(session, file), ledgers)
    for ledger_session in sessions:
        ledger_session.serves_as(RECEIVE)
    settings = session.settings
    session.is_service()
    with (
        stopped_by_signals() as stop,
        announce_running(settings.home, "fleet receive"),
        ExitStack() as stack,
    ):
        registry = new_registry()
        if settings.receive_metrics_port != OFF:
            token = None if settings.metrics_token is None else settings.metrics_token.get_secret_value()
            with listening_for(RECEIVER_METRICS):
                stack.enter_context(
                    exposed(registry, settings.metrics_host, settings.receive_metrics_port, token=token)
                )
        server = stack.enter_context(receiving_for_all(session, sessions, host=host, port=port, registry=registry))
        print_line(f"listening on {server.url}")
        alive = serve_until(stop, lambda: server.alive)
    return ExitCode.OK if alive else ExitCode.FAILED
