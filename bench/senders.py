"""Patreon as a load: signed requests over connections that stay open, by a sender that costs as little as it can."""

import hmac
import selectors
import socket
import time
from dataclasses import dataclass
from random import Random
from typing import Final

SECRET: Final = "of the benchmark and of nobody else"  # noqa: S105
PATH: Final = "/hooks/patreon/main"
BODY_BYTES: Final = 6_000
OPEN: Final = b"HTTP/1.1 200 "
ANSWER_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Sent:
    """*seconds* from when each was due (at full speed: from when it was sent) to its answer."""

    seconds: tuple[float, ...]
    took: float
    refused: int


def request(number: int) -> bytes:
    """Number *number* of the deliveries, as large as real ones are."""
    # as hard to compress as an id or the address of an image is
    note = Random(number).randbytes(BODY_BYTES // 2 - 40).hex()
    body = f'{{"data":{{"type":"member","id":"{number}","attributes":{{"note":"{note}"}}}}}}'.encode()
    signature = hmac.digest(SECRET.encode(), body, "md5").hex()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: ledger.example\r\nContent-Type: application/json\r\n"
        f"User-Agent: Patreon HTTP Robot\r\nX-Patreon-Event: members:update\r\n"
        f"X-Patreon-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send_at_full_speed(port: int, connections: int, seconds: float, first: int, most: int) -> Sent:
    """Each connection sends the next delivery when it has the answer to the last one; *most* are made beforehand."""
    ready = [request(first + number) for number in range(most)]
    started = time.perf_counter()
    return _send(port, connections, ready, [0.0] * most, until=started + seconds, started=started)


def send_steadily(port: int, connections: int, rate: float, seconds: float, first: int, different: int = 0) -> Sent:
    """*rate* a second by the clock, whatever the last one took; *different* ones again and again, or all different."""
    number = int(rate * seconds)
    made = [request(first + each) for each in range(different or number)]
    ready = [made[each % len(made)] for each in range(number)]
    started = time.perf_counter() + 0.1
    due = [started + each / rate for each in range(number)]
    return _send(port, connections, ready, due, until=started + seconds + ANSWER_SECONDS, started=started)


def _send(port: int, connections: int, ready: list[bytes], due: list[float], *, until: float, started: float) -> Sent:
    free = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    for each in free:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    busy: dict[socket.socket, float] = {}
    took: list[float] = []
    refused, following = 0, 0
    with selectors.EpollSelector() as selector:
        while True:
            now = time.perf_counter()
            while free and following < len(ready) and due[following] <= now < until:
                # the one that was idle for longest: an idle connection is closed by the receiver after a while
                wire = free.pop(0)
                wire.sendall(ready[following])
                busy[wire] = due[following] or now
                selector.register(wire, selectors.EVENT_READ)
                following += 1
            if not busy and (following == len(ready) or now >= until):
                break
            pause = max(0.0, due[following] - now) if following < len(ready) and free else 1.0
            for key, _ in selector.select(pause):
                answered = key.fileobj
                assert isinstance(answered, socket.socket)
                said = answered.recv(4096)
                took.append(time.perf_counter() - busy.pop(answered))
                refused += not said.startswith(OPEN)
                selector.unregister(answered)
                free.append(answered)
    ended = time.perf_counter()
    for each in free:
        each.close()
    return Sent(tuple(took), ended - started, refused)
