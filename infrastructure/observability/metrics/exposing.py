"""GET /metrics over HTTP: on this machine only, unless a token is demanded."""

import hmac
import ipaddress
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from temple_ledger.domain.errors import CannotListen, Refused

REQUEST_SECONDS: Final = 10.0

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


@contextmanager
def exposed(registry: CollectorRegistry, host: str, port: int, *, token: str | None = None) -> Iterator[int]:
    """While the block lasts; yields the port, which the system chooses for 0.

    Raises Refused for an address that others reach without a *token*, and CannotListen.
    """
    if token is None and not is_loopback(host):
        raise Refused(
            f"metrics on {host} would be open to others; set TEMPLE_METRICS_TOKEN, which a scrape then has to send as "
            "a bearer token, or listen on 127.0.0.1"
        )
    try:
        server = _Server((host, port), _Quiet)
    except OSError as error:
        raise CannotListen(f"no metrics: {host} port {port} cannot be listened on ({error.strerror})") from None
    server.set_app(app(registry, token))
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(REQUEST_SECONDS)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
    daemon_threads = True
    # a thread that still answers does not keep the process from ending
    block_on_close = False


class _Quiet(WSGIRequestHandler):
    timeout = REQUEST_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass

    def version_string(self) -> str:
        return "temple"
