"""One receiver for all ledgers of a fleet: a delivery belongs to the ledger whose secret verified it.

Each ledger has a writer, translators and a bounded buffer of its own: one that is down answers 503 for itself alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from prometheus_client import CollectorRegistry

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.ingestion.webhooks.app import Door, Receiving, shared_receiver_app
from temple_ledger.infrastructure.ingestion.webhooks.failure_limit import FailureLimit
from temple_ledger.infrastructure.ingestion.webhooks.server import Server
from temple_ledger.infrastructure.observability.metrics.receiver import ReceiverMetrics
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession
from temple_ledger.infrastructure.processes.webhook_receiver import configured_endpoints, door_of, stored
from temple_ledger.infrastructure.terminal.session import Session


@contextmanager
def receiving_for_all(
    process: Session,
    sessions: Sequence[LedgerSession],
    *,
    host: str | None = None,
    port: int | None = None,
    registry: CollectorRegistry | None = None,
) -> Iterator[Server]:
    """While the block lasts. Raises CannotListen, and Refused where no ledger has a secret."""
    found = [(session, configured_endpoints(session)) for session in sessions]
    taking = [(session, endpoints) for session, endpoints in found if endpoints]
    if not taking:
        raise Refused(
            "no ledger of the file has a secret to verify deliveries with; put it into its settings, as patreon_secrets"
        )
    failures = FailureLimit()
    with ExitStack() as stack:
        door = stack.enter_context(door_of(process, host, port))
        doors: list[Door] = []
        ledgers: list[Receiving] = []
        metrics = None
        if registry is not None:
            metrics = ReceiverMetrics(registry, tuple({each.source for _, ours in taking for each in ours}))
        for session, endpoints in taking:
            receiving = Receiving(stack.enter_context(stored(session, own_processes=False)), failures=failures)
            if metrics is not None:
                receiving.answered = metrics.answered
            ledgers.append(receiving)
            doors += [(endpoint, receiving) for endpoint in endpoints]
        app = shared_receiver_app(doors, ledgers)
        yield stack.enter_context(Server(app, door, proxies=process.settings.receive_proxies))
