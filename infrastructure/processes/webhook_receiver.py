"""A receiver: the server, its writer, the translators, the workers of the sources and the daily pruning.

with receiving(session, required_endpoints(session)) as server: ...
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from socket import socket
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry

from temple_ledger.domain.errors import AlreadyRunning, LedgerError, Refused
from temple_ledger.infrastructure.ingestion.inbox.failure import describe_failure
from temple_ledger.infrastructure.ingestion.inbox.retention import keep_pruning
from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
from temple_ledger.infrastructure.ingestion.webhooks.app import Receiving, receiver_app
from temple_ledger.infrastructure.ingestion.webhooks.endpoint import Endpoint
from temple_ledger.infrastructure.ingestion.webhooks.inbox_writer import InboxWriter
from temple_ledger.infrastructure.ingestion.webhooks.listening import listening
from temple_ledger.infrastructure.ingestion.webhooks.server import Server
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.observability.metrics.receiver import ReceiverMetrics
from temple_ledger.infrastructure.processes.sources import (
    Parts,
    endpoints,
    installed_sources,
    reason_of,
    translators,
    workers,
)
from temple_ledger.infrastructure.settings import PREFIX
from temple_ledger.infrastructure.terminal.ports import RECEIVER, listening_for
from temple_ledger.infrastructure.terminal.session import Session

END_SECONDS: Final = 10.0
AGAIN_SECONDS: Final = 30.0

log = structlog.get_logger("temple.receive")


@contextmanager
def receiving(
    session: Session,
    doors: Sequence[Endpoint],
    *,
    host: str | None = None,
    port: int | None = None,
    registry: CollectorRegistry | None = None,
    own_processes: bool = False,
) -> Iterator[Server]:
    """Takes deliveries in while the block lasts, and translates them; what was taken in is stored before it ends.

    Counts its answers in *registry*. *own_processes*: see `translated`. Raises CannotListen.
    """
    settings = session.settings
    with ExitStack() as stack:
        door = stack.enter_context(door_of(session, host, port))
        shared = Receiving(stack.enter_context(stored(session, own_processes=own_processes)))
        if registry is not None:
            shared.answered = ReceiverMetrics(registry, tuple({each.source for each in doors})).answered
        app = receiver_app(doors, shared)
        yield stack.enter_context(Server(app, door, proxies=settings.receive_proxies))


@contextmanager
def door_of(session: Session, host: str | None, port: int | None) -> Iterator[socket]:
    """Where a receiver listens. Raises CannotListen."""
    settings = session.settings
    with listening_for(RECEIVER):
        door = listening(
            settings.receive_host if host is None else host, settings.receive_port if port is None else port
        )
    with closing(door):
        yield door


@contextmanager
def stored(session: Session, *, own_processes: bool) -> Iterator[InboxWriter]:
    """The writer of a ledger's inbox at work while the block lasts, with all that follows from what it stores."""
    with ExitStack() as stack:
        notifier = stack.enter_context(Notifier(session.database, statement_name="inbox_notify"))
        wakes = stack.enter_context(translated(session, own_processes=own_processes))
        stack.enter_context(_pruned(session))
        writer = InboxWriter(session.database, kept=lambda: _call([*wakes, notifier.notify]))
        stack.callback(writer.close)
        writer.start()
        yield writer


def configured_endpoints(session: Session) -> Sequence[Endpoint]:
    """Of all sources; none where no source has a secret to verify deliveries with."""
    found = endpoints(session.settings)
    _report(session, found)
    return found.made


def required_endpoints(session: Session) -> Sequence[Endpoint]:
    """Raises Refused where there are none, or what kept the only ones from being made."""
    found = endpoints(session.settings)
    if not found.made:
        raise next(iter(found.failed.values()), None) or _no_secret()
    _report(session, found)
    return found.made


def _no_secret() -> Refused:
    names = [f"{PREFIX}{each.verified_by}".upper() for each in installed_sources().sources if each.verified_by]
    return Refused(
        f"there is no secret to verify deliveries with; set {' or '.join(names)}, or put it into a secret file"
    )


def _report(session: Session, parts: Parts[Any]) -> None:
    for error in parts.failed.values():
        session.note(f"{error}; the other sources go on")


def _call(functions: Sequence[Callable[[], None]]) -> None:
    for function in functions:
        function()


@contextmanager
def translated(session: Session, *, own_processes: bool) -> Iterator[list[Callable[[], None]]]:
    """Every translator that there is at work, in a thread of its own, and the workers of the sources beside them;
    with *own_processes* also those workers that have a command of their own. Yields what wakes the translators.
    """
    found = translators(session.settings)
    _report(session, found)
    ours = found.made
    stop = threading.Event()
    with ExitStack() as stack:
        notifier = stack.enter_context(Notifier(session.database))
        steps = [stack.enter_context(TranslationWorker(session.database, each, notifier=notifier)) for each in ours]
        threads = [
            threading.Thread(target=_run, args=(step, each.source, stop), name=f"translate {each.source}", daemon=True)
            for step, each in zip(steps, ours, strict=True)
        ]
        _start_workers(session, stack, own_processes=own_processes)
        for thread in threads:
            thread.start()
        try:
            yield [step.wake for step in steps]
        finally:
            stop.set()
            _call([step.wake for step in steps])
            for thread in threads:
                thread.join(END_SECONDS)


def _start_workers(session: Session, stack: ExitStack, *, own_processes: bool) -> None:
    found = workers(session, own_processes=own_processes)
    _report(session, found)
    for worker in found.made:
        try:
            stack.enter_context(worker.running())
        except AlreadyRunning:
            raise
        except Exception as error:  # noqa: BLE001 -- a source's own code, and the other sources go on
            session.note(f"{worker.name} does not start: {reason_of(error)}; the other sources go on")


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
