"""The console beside everything else that `temple up` runs: a process of its own, with nothing but what it needs."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

import structlog

from temple_ledger.infrastructure.processes.sources import installed_sources
from temple_ledger.infrastructure.settings import PREFIX, Settings, SourceSettings, is_secret
from temple_ledger.infrastructure.terminal.session import Session

READY_SECONDS: Final = 20.0
END_SECONDS: Final = 15.0
AGAIN_SECONDS: Final = 5.0
OWN_SECRETS: Final = frozenset(
    {"web_database_url", "web_sign_in_database_url", "web_proxy_secret", "web_actions_database_url"}
)

log = structlog.get_logger("temple.web")


@contextmanager
def console_beside(
    session: Session, door: socket.socket, more: Mapping[str, str] = MappingProxyType({}), flags: Sequence[str] = ()
) -> Iterator[Callable[[], bool]]:
    """While the block lasts, on a socket that listens; started again where it ends by itself. Yields whether it is
    ready, after waiting for that. *more* are variables of its environment, *flags* of its command."""
    child = _Child(session, door, more, flags)
    child.begin()
    try:
        yield child.is_ready
    finally:
        child.stop()


class _Child:
    def __init__(self, session: Session, door: socket.socket, more: Mapping[str, str], flags: Sequence[str]) -> None:
        self._more = more
        self._flags = flags
        self._session = session
        self._door = door
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def is_ready(self) -> bool:
        """Waits until it is, or until it has ended without having been."""
        self._ended.wait(READY_SECONDS)
        return self._ready.is_set()

    def stop(self) -> None:
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(END_SECONDS)
        self._door.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._started() as process:
                self._process = process
                if self._stopping.is_set():
                    process.terminate()
                self._read(process)
                code = process.wait()
            self._ended.set()
            if not self._stopping.is_set():
                log.error("the console ended", code=code, again_in_seconds=AGAIN_SECONDS)
                self._stopping.wait(AGAIN_SECONDS)

    def _started(self) -> "subprocess.Popen[str]":
        number = self._door.fileno()
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "temple_ledger.cli", "web", "--socket", str(number), *self._flags],
            env={**environment_of_console(self._session.settings, os.environ), **self._more},
            # it ends when this is closed: whatever becomes of us, no console is left behind
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[number],
            text=True,
            # a Ctrl-C at the terminal is ours to pass on, after what else there is to do
            start_new_session=True,
        )

    def _read(self, process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            if line.strip() == "ready":
                self._ready.set()
                self._ended.set()


def environment_of_console(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """Without any secret but its own: no token of a bot, no DSN of a login that may write."""
    sources = installed_sources()
    models: list[type[SourceSettings]] = [Settings, *sources.models()]
    own = OWN_SECRETS | {name for each in sources.sources for name in each.console_secrets}
    secrets = {
        f"{PREFIX}{name}".upper()
        for model in models
        for name, field in model.model_fields.items()
        if is_secret(field.annotation) and name not in own
    }
    return {
        **{name: value for name, value in environment.items() if name.upper() not in secrets},
        "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
        "TEMPLE_HOME": str(settings.home),
        **({} if settings.log_level is None else {"TEMPLE_LOG_LEVEL": settings.log_level}),
    }
