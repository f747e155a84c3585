"""The receiver's server: uvicorn, in a thread and an asyncio loop of its own."""

import logging
import socket
import threading
from types import TracebackType
from typing import Final, Self

import uvicorn
from starlette.types import ASGIApp

from temple_ledger.infrastructure.ingestion.webhooks.http_protocol import DeadlineProtocol
from temple_ledger.infrastructure.ingestion.webhooks.listening import BACKLOG, url_at

KEEP_ALIVE_SECONDS: Final = 15
STOP_SECONDS: Final = 12


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
        return url_at(self.host, self.port)

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
