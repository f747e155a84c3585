"""GET /metrics over HTTP: on this machine only, unless a token is demanded."""

import hmac
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.ingestion.webhooks.listening import is_this_machine_alone, listening

REQUEST_SECONDS: Final = 10.0
MOST_CONNECTIONS: Final = 16
LONGEST_LINE: Final = 8_192

log = structlog.get_logger("temple.metrics")

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


@contextmanager
def exposed(registry: CollectorRegistry, host: str, port: int, *, token: str | None = None) -> Iterator[int]:
    """While the block lasts; yields the port, which the system chooses for 0.

    Raises Refused for an address that others reach without a *token*, and CannotListen.
    """
    if token is None and not is_this_machine_alone(host):
        raise Refused(
            f"metrics on {host} would be open to others; set TEMPLE_METRICS_TOKEN, which a scrape then has to send as "
            "a bearer token, or listen on 127.0.0.1"
        )
    server = _Server(listening(host, port))
    server.set_app(app(registry, token))
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(REQUEST_SECONDS)


def app(registry: CollectorRegistry, token: str | None) -> App:
    metrics = make_wsgi_app(registry)
    wanted = None if token is None else f"Bearer {token}".encode()

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _refuse(start_response, "405 Method Not Allowed", ("Allow", "GET"))
        if wanted is not None and not _same(environ.get("HTTP_AUTHORIZATION", ""), wanted):
            return _refuse(start_response, "401 Unauthorized", ("WWW-Authenticate", "Bearer"))
        if environ["PATH_INFO"] != "/metrics":
            return _refuse(start_response, "404 Not Found")
        answered: Iterable[bytes] = metrics(environ, start_response)
        return answered

    return answer


def _same(given: str, wanted: bytes) -> bool:
    return hmac.compare_digest(given.encode("latin-1", "replace"), wanted)


def _refuse(start_response: StartResponse, status: str, *headers: tuple[str, str]) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), *headers])
    return [f"{status.partition(' ')[2].lower()}\n".encode()]


class _Server(ThreadingMixIn, WSGIServer):
    """Serves so many at once; one more takes the place of the oldest, so that stalled clients keep nobody out."""

    daemon_threads = True
    # a thread that still answers does not keep the process from ending
    block_on_close = False

    def __init__(self, door: socket.socket) -> None:
        self._lock = threading.Lock()
        self._served: list[socket.socket] = []
        host, port = door.getsockname()[:2]
        super().__init__((host, port), _Quiet, bind_and_activate=False)
        self.socket.close()
        self.socket, self.server_name, self.server_port = door, host, port
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._served.append(request)
            if len(self._served) > MOST_CONNECTIONS:
                with suppress(OSError):
                    self._served.pop(0).shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            if request in self._served:
                self._served.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        _report(sys.exception())


class _Answer(ServerHandler):
    def log_exception(self, exc_info: Any) -> None:
        _report(exc_info[1])


class _Quiet(WSGIRequestHandler):
    timeout = REQUEST_SECONDS

    def handle(self) -> None:
        """One request, as the library has it, but for the traceback of each client that goes away or stalls."""
        self.raw_requestline = self.rfile.readline(LONGEST_LINE + 1)
        if len(self.raw_requestline) > LONGEST_LINE:
            self.requestline, self.request_version, self.command = "", "", ""
            self.send_error(414)
        elif self.parse_request():
            answer = _Answer(self.rfile, self.wfile, self.get_stderr(), self.get_environ(), multithread=True)  # type: ignore[arg-type]
            answer.request_handler = self  # type: ignore[attr-defined]
            answer.run(self.server.get_app())  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass

    def version_string(self) -> str:
        return "temple"


def _report(error: BaseException | None) -> None:
    """A client that stalls or leaves is no news; what went wrong here is a line."""
    if error is not None and not isinstance(error, OSError):
        log.error("metrics not answered", error=type(error).__name__)
