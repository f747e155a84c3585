"""The sealer of a process, and where the head of the chain goes: a file, and somebody else's machine."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.database.connection import in_words
from temple_ledger.infrastructure.seals.head import Head
from temple_ledger.infrastructure.seals.head_file import EVERY_SECONDS, FOLDER, NAME, HeadFile
from temple_ledger.infrastructure.seals.sealer import Sealer
from temple_ledger.infrastructure.seals.webhook import send_head
from temple_ledger.infrastructure.settings import Settings
from temple_ledger.infrastructure.terminal.session import Session

AGAIN_SECONDS: Final = 30.0
END_SECONDS: Final = 5.0

log = structlog.get_logger("temple.seal")


class HeadsOutside:
    """The log is one place. What fails is logged, and sealing goes on: the next head says all that this one said."""

    def __init__(self, settings: Settings) -> None:
        self._file = HeadFile(head_file(settings))
        self._url = settings.seal_webhook
        self._sent: Head | None = None
        self._latest: Head | None = None

    def __call__(self, head: Head) -> None:
        self._latest = head
        log.info("sealed", position=head.position, seal=head.seal, hash=head.hash)
        self._attempt("file", lambda: self._file.append(head))
        if self._url is not None and self._is_due(head):
            url = self._url.get_secret_value()
            self._attempt("webhook", lambda: send_head(url, head))
            self._sent = head

    def close(self) -> None:
        """The last one is written also where it came soon after another."""
        latest = self._latest
        if latest is not None:
            self._attempt("file", lambda: self._file.append_now(latest))

    def _is_due(self, head: Head) -> bool:
        return self._sent is None or (head.sealed_at - self._sent.sealed_at).total_seconds() >= EVERY_SECONDS

    def _attempt(self, where: str, work: Callable[[], object]) -> None:
        try:
            work()
        except OSError as error:
            log.warning("the head is not noted outside", where=where, reason=error.strerror or str(error))


def head_file(settings: Settings) -> Path:
    return settings.seal_head_file or settings.home / FOLDER / NAME


@contextmanager
def sealing(session: Session) -> Iterator[None]:
    """In a thread, while the block lasts. What keeps it from sealing is logged, and tried again."""
    stop = threading.Event()
    thread = threading.Thread(target=_run, args=(session, stop), name="seal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(END_SECONDS)


def _run(session: Session, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            seal(session, stop)
        except Exception as error:  # noqa: BLE001 -- whatever it is, everything else of this process goes on
            reason = str(error) if isinstance(error, LedgerError) else _reason(error)
            log.error("not sealing", reason=reason, again_in_seconds=AGAIN_SECONDS)
            stop.wait(AGAIN_SECONDS)


def seal(session: Session, stop: threading.Event, *, until_sealed: bool = False) -> None:
    """Seals until *stop* is set, or until all that is settled by now is sealed. Raises DatabaseUnavailable and
    SchemaMismatch where it cannot begin."""
    heads = HeadsOutside(session.settings)
    sealer = Sealer(session.database, every_seconds=session.settings.seal_every_seconds, publish=heads)
    try:
        sealer.run(stop, until_sealed=until_sealed)
    finally:
        heads.close()
        sealer.close()


def _reason(error: Exception) -> str:
    import psycopg

    return in_words(error) if isinstance(error, psycopg.Error) else type(error).__name__
