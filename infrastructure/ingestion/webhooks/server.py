"""The receiver's server: uvicorn, in a thread and an asyncio loop of its own."""

import logging
import socket
import threading
from types import TracebackType
from typing import Final, Self

import uvicorn
from starlette.types import ASGIApp

from temple_ledger.domain.errors import CannotListen
from temple_ledger.infrastructure.ingestion.webhooks.http_protocol import DeadlineProtocol
from temple_ledger.infrastructure.ingestion.webhooks.listening_socket import ListeningSocket

KEEP_ALIVE_SECONDS: Final = 15
STOP_SECONDS: Final = 12
BACKLOG: Final = 2048


class Server:
    """Answers from `start` to `stop`; what was begun is answered before `stop` returns."""

    def __init__(self, app: ASGIApp, door: socket.socket, *, proxies: str = "") -> None:
        """On a socket of `listening`. Of *proxies*, the word on whom they ask for is believed."""
        self._socket = door
        self.host, self.port = door.getsockname()[:2]
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=DeadlineProtocol,
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(proxies),
                forwarded_allow_ips=proxies,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Takes no more connections, answers what was begun, ends."""
        self._server.should_exit = True
        self._thread.join()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def listening(host: str, port: int) -> socket.socket:
    """*port* 0 takes a free one. Raises CannotListen."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise CannotListen.on(host, port, error) from None
    # with the protocol asyncio sees that it is TCP, and does not hold the end of an answer back until a packet is
    # acknowledged: 40 ms of each request on a connection that stays open
    bound = ListeningSocket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
        bound.hold_back()
    except OSError as error:
        bound.close()
        raise CannotListen.on(host, port, error) from None
    return bound
