"""Translating that is held back while the audit log is read back: entries come before the frames that they explain."""

import threading

import structlog

from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker

log = structlog.get_logger("temple.discord")


class GatedWorker(threading.Thread):
    """Translates while the gate is open; it is closed at first."""

    def __init__(self, worker: TranslationWorker) -> None:
        super().__init__(name="discord translating", daemon=True)
        self._worker = worker
        self._open = threading.Event()
        self._pause = threading.Event()
        self._busy = threading.Lock()
        self._ended = False
        self._guard = threading.Lock()
        self._closing = False
        self.closings = 0
        self.failure: Exception | None = None

    def run(self) -> None:
        while True:
            self._open.wait()
            if self._ended:
                return
            with self._busy:
                if not self._open.is_set() or self._ended:
                    continue
                try:
                    self._worker.run(self._pause)
                except Exception as error:  # noqa: BLE001 -- raised again by whoever waits for it
                    log.error("translating ended", reason=f"{type(error).__name__}: {error}")
                    self.failure = error
                    return

    def open(self, closings: int) -> None:
        """Unless it was closed again since it had been closed so many times: then somebody else opens it."""
        with self._guard:
            if closings == self.closings and not self._closing:
                self._pause.clear()
                self._open.set()

    def close(self) -> None:
        """Returns when the batch at hand is committed. One thread closes it."""
        with self._guard:
            self.closings += 1
            self._closing = True
            self._open.clear()
            self._pause.set()
        self._worker.wake()
        with self._busy, self._guard:
            self._closing = False

    def end(self) -> None:
        self._ended = True
        self._pause.set()
        self._open.set()
        self._worker.wake()
        if self.is_alive():
            self.join()
