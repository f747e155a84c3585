"""HTTP/1.1 for senders who come to the point."""

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS: Final = 10.0
MOST_CONNECTIONS: Final = 500
_COME_AGAIN: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class DeadlineProtocol(H11Protocol):
    """uvicorn's, with a deadline for headers and body together: who has not sent them by then is cut off.

    uvicorn itself waits without end for the rest of a request, and of too many connections it says nothing of coming
    again.
    """

    request_seconds = REQUEST_SECONDS
    most_connections = MOST_CONNECTIONS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.write(_COME_AGAIN)
            transport.close()
        else:
            self._begin()

    def data_received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self._receive(data)

    def _receive(self, data: bytes) -> None:
        self._begin()
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self._cut_off)

    def _look(self) -> None:
        """The time runs while a request has begun and is not there as a whole."""
        begun = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if begun or self.conn.their_state is h11.SEND_BODY:
            self._begin()
        else:
            self._end()

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut_off(self) -> None:
        self._deadline = None
        self.transport.abort()
