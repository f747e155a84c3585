"""HTTP/1.1 for senders who come to the point."""

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS: Final = 10.0

_RECEIVING: Final = frozenset({h11.IDLE, h11.SEND_BODY})


class PunctualProtocol(H11Protocol):
    """uvicorn's, with a deadline for headers and body together: who has not sent them by then is cut off.

    uvicorn itself waits without end for the rest of a request.
    """

    request_seconds = REQUEST_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        self._begin()
        super().data_received(data)
        self._end_if_received()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._end_if_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self._cut_off)

    def _end_if_received(self) -> None:
        between_requests = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        if between_requests or self.conn.their_state not in _RECEIVING:
            self._end()

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut_off(self) -> None:
        self._deadline = None
        self.transport.abort()
