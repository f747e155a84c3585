"""HTTP/1.1 for senders who come to the point."""

import asyncio
from collections import Counter
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from temple_ledger.infrastructure.ingestion.webhooks.failure_limit import network_of
from temple_ledger.infrastructure.ingestion.webhooks.listening import plain_address
from temple_ledger.infrastructure.ingestion.webhooks.listening_socket import COME_AGAIN

REQUEST_SECONDS: Final = 10.0
MOST_CONNECTIONS: Final = 500


class DeadlineProtocol(H11Protocol):
    """uvicorn's, with a deadline for headers and body together: who has not sent them by then is cut off.

    uvicorn itself waits without end for the rest of a request, and of too many connections it says nothing of coming
    again. Where they are too many, a newcomer takes the place of whoever has the most of them: however slow they are,
    those of one address do not keep others out.
    """

    request_seconds = REQUEST_SECONDS
    most_connections = MOST_CONNECTIONS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._made_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            self.client = plain_address(self.client[0]), self.client[1]
        self._made_at = self.loop.time()
        if len(self.connections) > self.most_connections and not self._has_made_room():
            transport.write(COME_AGAIN)
            transport.close()
        else:
            self._begin()

    def _has_made_room(self) -> bool:
        """Whether the oldest connection without an answer on its way, of the address with the most, was cut off."""
        others = [each for each in self.connections if isinstance(each, DeadlineProtocol) and each is not self]
        held = Counter(each._network for each in others if not each.transport.is_closing())
        if not held or max(held.values()) <= held[self._network] + 1:
            return False
        most = max(held, key=lambda network: held[network])
        idle = [each for each in others if each._network == most and each._may_be_cut_off]
        if not idle:
            return False
        min(idle, key=lambda each: each._made_at).transport.abort()
        return True

    @property
    def _network(self) -> str:
        return network_of(self.client[0]) if self.client else ""

    @property
    def _may_be_cut_off(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        answering = cycle is not None and not cycle.response_complete
        # a request that is not there as a whole may wait for its body only
        return not self.transport.is_closing() and (not answering or self._deadline is not None)

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
