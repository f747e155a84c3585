"""A receiver: the server, its writer, the translators and the daily pruning.

with receiving(session) as server: ...
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import structlog
from prometheus_client import CollectorRegistry

from temple_ledger.domain.errors import LedgerError, Refused
from temple_ledger.infrastructure.ingestion.inbox.failure import describe_failure
from temple_ledger.infrastructure.ingestion.inbox.retention import keep_pruning
from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
from temple_ledger.infrastructure.ingestion.webhooks.app import Receiving, receiver_app
from temple_ledger.infrastructure.ingestion.webhooks.endpoint import Endpoint
from temple_ledger.infrastructure.ingestion.webhooks.inbox_writer import InboxWriter
from temple_ledger.infrastructure.ingestion.webhooks.server import Server, listening
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.observability.metrics.receiver import ReceiverMetrics
from temple_ledger.infrastructure.processes.sources import translators
from temple_ledger.infrastructure.settings import Settings
from temple_ledger.infrastructure.sources.patreon.factory import rechecking
from temple_ledger.infrastructure.sources.patreon.webhook import patreon_endpoint
from temple_ledger.infrastructure.terminal.session import Session

END_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 30.0

log = structlog.get_logger("temple.receive")


@contextmanager
def receiving(
    session: Session,
    *,
    host: str | None = None,
    port: int | None = None,
    registry: CollectorRegistry | None = None,
) -> Iterator[Server]:
    """Takes deliveries in while the block lasts, and translates them; what was taken in is kept before it ends.

    Counts its answers in *registry*.

    Raises Refused without a secret, CannotListen, and what `translated` raises.
    """
    settings, database = session.settings, session.database
    doors = _doors(settings)
    door = listening(settings.receive_host if host is None else host, settings.receive_port if port is None else port)
    with ExitStack() as stack:
        stack.callback(door.close)
        notifier = stack.enter_context(Notifier(database, statement_name="inbox_notify"))
        wakes = stack.enter_context(translated(session))
        stack.enter_context(_pruned(session))
        writer = InboxWriter(database, kept=lambda: _tell([*wakes, notifier.notify]))
        stack.callback(writer.close)
        writer.start()
        shared = Receiving(writer)
        if registry is not None:
            shared.answered = ReceiverMetrics(registry, tuple({each.source for each in doors})).answered
        app = receiver_app(doors, shared)
        yield stack.enter_context(Server(app, door, proxies=settings.receive_proxies))


def paths(settings: Settings) -> list[str]:
    """Where deliveries are taken in."""
    return [door.path for door in _doors(settings)]


def _doors(settings: Settings) -> Sequence[Endpoint]:
    if not settings.patreon_secrets:
        raise Refused(
            "there is no secret to verify deliveries with; set TEMPLE_PATREON_SECRETS, or put it into a secret file"
        )
    return [patreon_endpoint(campaign, secrets) for campaign, secrets in settings.patreon_secrets.items()]


def _tell(wakes: Sequence[Callable[[], None]]) -> None:
    for wake in wakes:
        wake()


@contextmanager
def translated(session: Session) -> Iterator[list[Callable[[], None]]]:
    """Every translator that there is at work, in a thread of its own; yields what wakes them.

    Raises TranslatorMisdeclared.
    """
    ours = translators(session.settings)
    stop = threading.Event()
    with ExitStack() as stack:
        notifier = stack.enter_context(Notifier(session.database))
        steps = [stack.enter_context(TranslationWorker(session.database, each, notifier=notifier)) for each in ours]
        threads = [
            threading.Thread(target=_run, args=(step, each.source, stop), name=f"translate {each.source}", daemon=True)
            for step, each in zip(steps, ours, strict=True)
        ]
        stack.enter_context(rechecking(session.database, session.settings))
        for thread in threads:
            thread.start()
        try:
            yield [step.wake for step in steps]
        finally:
            stop.set()
            _tell([step.wake for step in steps])
            for thread in threads:
                thread.join(END_SECONDS)


def _run(worker: TranslationWorker, source: str, stop: threading.Event) -> None:
    """Deliveries are taken in all the same, and wait, while they cannot be translated."""
    while not stop.is_set():
        try:
            worker.run(stop)
        except Exception as error:  # noqa: BLE001 -- the cause may be mended while we run, or by the next migration
            reason = str(error) if isinstance(error, LedgerError) else describe_failure(error)
            log.error("not translating", source=source, reason=reason, again_in_seconds=AGAIN_SECONDS)
            stop.wait(AGAIN_SECONDS)


@contextmanager
def _pruned(session: Session) -> Iterator[None]:
    stop = threading.Event()
    keep_days = session.settings.inbox_keep_days
    thread = threading.Thread(
        target=keep_pruning, args=(session.database, keep_days, stop), name="prune inbox", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(END_SECONDS)
