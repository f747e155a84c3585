"""`temple receive`: the webhook receiver."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click
from prometheus_client import CollectorRegistry

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import DatabaseRole, IsStandby
from temple_ledger.infrastructure.database.migrations import require_current
from temple_ledger.infrastructure.database.service_logins import RECEIVE
from temple_ledger.infrastructure.ingestion.webhooks.listening import url_at
from temple_ledger.infrastructure.observability.metrics.exposing import exposed
from temple_ledger.infrastructure.observability.metrics.registry import new_registry
from temple_ledger.infrastructure.processes.webhook_receiver import receiving, required_endpoints
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.ports import RECEIVER_METRICS, listening_for
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.running import announce_running
from temple_ledger.infrastructure.terminal.service_manager import serve_until
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import stopped_by_signals


@click.command("receive")
@click.option("--host", metavar="ADDRESS", help="Where to listen.  [default: 127.0.0.1; env: TEMPLE_RECEIVE_HOST]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="0 takes a free one.  [default: 8080; env: TEMPLE_RECEIVE_PORT]",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Of the metrics for Prometheus; 0 switches them off.  [default: 9465; env: TEMPLE_RECEIVE_METRICS_PORT]",
)
@click.pass_obj
def command(session: Session, host: str | None, port: int | None, metrics_port: int | None) -> int:
    """Take in the webhooks of all sources that have a secret, store them, and translate them into events.

    Each has paths of its own, /hooks/SOURCE/NAME. For Patreon, NAME is a campaign, with secrets of its own in
    TEMPLE_PATREON_SECRETS: one secret of a campaign that is then called main, or {"NAME": ["SECRET", ...], ...}.
    A delivery is answered with 200 once it is committed; while the database is away, with 503, and the sender
    comes again. /healthz says that this process is alive, /readyz that it would store what comes.

    TLS is for a proxy in front of it, which must pass bodies on as they are.
    Ctrl-C or SIGTERM lets it answer what has begun, and end.

    \b
    Examples:
      temple receive
      temple receive --host 0.0.0.0 --port 8443
    \b
    Exit codes: 0 stopped; 1 it cannot listen there, or ended by itself; 4 no database; 5 there is no secret,
    the database does not fit this version, or the login is its owner.
    """
    doors = required_endpoints(session)
    session.serves_as(RECEIVE)
    with stopped_by_signals() as stop:
        _check(session)
        session.is_service()
        with (
            announce_running(session.settings.home, "receive"),
            _measured(session, metrics_port) as registry,
            receiving(session, doors, host=host, port=port, registry=registry) as server,
        ):
            for door in doors:
                print_line(f"listening on {server.url}{door.path}")
            session.note(f"storing deliveries in {session.database.name}; Ctrl-C ends it")
            alive = serve_until(stop, lambda: server.alive)
    if not alive:
        session.note("the server ended by itself")
        return ExitCode.FAILED
    session.note("ended; what was taken in is stored")
    return ExitCode.OK


@contextmanager
def _measured(session: Session, port: int | None) -> Iterator[CollectorRegistry | None]:
    """What this process counts, for Prometheus; what the inbox holds, the runner tells."""
    settings = session.settings
    port = settings.receive_metrics_port if port is None else port
    if not port:
        yield None
        return
    registry = new_registry()
    token = settings.metrics_token.get_secret_value() if settings.metrics_token is not None else None
    with ExitStack() as stack:
        with listening_for(RECEIVER_METRICS, flag="--metrics-port"):
            stack.enter_context(exposed(registry, settings.metrics_host, port, token=token))
        session.note(f"metrics at {url_at(settings.metrics_host, port)}/metrics")
        yield registry


def _check(session: Session) -> None:
    """A database that does not fit is refused now; one that is away may come back, and until then all are sent away."""
    database = session.database
    try:
        with database.connect(DatabaseRole.APPEND, application="temple receive") as connection:
            require_current(connection)
    except IsStandby:
        raise
    except DatabaseUnavailable as error:
        if session.embedded is not None:
            raise
        session.note(f"{error}; until it is back, deliveries are answered with 503")
