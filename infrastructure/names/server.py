"""A name book served over a socket in the state directory: whoever may open that directory may ask.

A request is a line of JSON, {"of": [ids]} or {"find": text, "limit": n}, and so is its answer:
{"names": {id: [name, kind, handle]}, "searched": bool}. {"roles_of": id} is answered by what `roles` has.
One of each a connection.
"""

import json
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import structlog

from temple_ledger.infrastructure.names.book import NameBook

SOCKET: Final = "names.sock"
LONGEST_REQUEST: Final = 256 * 1024
MOST_FOUND: Final = 100
REQUEST_SECONDS: Final = 2.0
LONGEST_PATH: Final = 103
"""In bytes; Linux takes four more."""

AnswerRoles = Callable[[str], dict[str, Any]]
"""Which roles a person has, or why that is not known now, as it goes over the socket."""

log = structlog.get_logger("temple.names")


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, address: str, book: NameBook, roles: AnswerRoles) -> None:
        self.book = book
        self.roles = roles
        super().__init__(address, _Request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up, or sends something else, gets no answer; nothing of it is logged: it may hold a name."""


class _Request(socketserver.StreamRequestHandler):
    timeout = REQUEST_SECONDS
    server: _Server

    def handle(self) -> None:
        asked = json.loads(self.rfile.readline(LONGEST_REQUEST))
        found = self.server.roles(str(asked["roles_of"])) if "roles_of" in asked else answer(self.server.book, asked)
        self.wfile.write(f"{json.dumps(found)}\n".encode())


def answer(book: NameBook, asked: Any) -> dict[str, Any]:
    if "find" in asked:
        text = str(asked["find"])
        found, searched = book.find(text, min(int(asked.get("limit", MOST_FOUND)), MOST_FOUND)), book.is_searched(text)
    else:
        found, searched = book.of(map(str, asked["of"])), True
    return {"names": {user_id: list(name) for user_id, name in found.items()}, "searched": searched}


def _no_roles(user_id: str) -> dict[str, Any]:
    return {"unavailable": "whoever serves names here asks no platform"}


@contextmanager
def serving_names(home: Path, book: NameBook, roles: AnswerRoles = _no_roles) -> Iterator[None]:
    """While the block lasts. Where the socket cannot be made, or another listener serves, nobody is served by us."""
    file = home / SOCKET
    try:
        server = _made(file, book, roles)
    except OSError as error:
        log.warning("names are not served: ids are shown in their place", reason=error.strerror or str(error))
        yield
        return
    mark = file.stat().st_ino
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="names", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        with suppress(OSError):
            # not that of another one, which came after somebody had removed ours
            if file.stat().st_ino == mark:
                file.unlink()


def _made(file: Path, book: NameBook, roles: AnswerRoles) -> _Server:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _answers(file):
        raise OSError("another listener serves them")
    file.unlink(missing_ok=True)
    with reachable(file) as address:
        server = _Server(address, book, roles)
    file.chmod(0o600)
    return server


def _answers(file: Path) -> bool:
    try:
        with reachable(file) as address, socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(REQUEST_SECONDS)
            probe.connect(address)
    except OSError:
        return False
    return True


@contextmanager
def reachable(file: Path) -> Iterator[str]:
    """An address of the socket that is short enough: a longer one goes through the folder's descriptor, on Linux.

    Raises OSError.
    """
    if len(os.fsencode(file)) <= LONGEST_PATH:
        yield str(file)
        return
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{file.name}"
    finally:
        os.close(folder)


def exchanged(file: Path, request: bytes, deadline: float) -> bytes:
    """A request for its answer; *deadline* is of the monotonic clock. Raises OSError, TimeoutError among it."""
    with reachable(file) as address, socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_left(deadline))
        connection.connect(address)
        connection.sendall(request)
        received = bytearray()
        while not received.endswith(b"\n"):
            connection.settimeout(_left(deadline))
            part = connection.recv(1 << 16)
            if not part:
                break
            received += part
        return bytes(received)


def _left(deadline: float) -> float:
    """Raises TimeoutError."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
