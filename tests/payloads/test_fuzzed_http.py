"""Bytes that somebody sends to the receiver's port: answered or cut off, never with a 500, and good ones are stored."""

import re
from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temple_ledger.infrastructure.database.connection import Database
from tests.payloads.fuzzing import bounded
from tests.payloads.values import BODIES
from tests.webhooks.builders import PATH, PATIENCE_SECONDS, Receiver, receiver, rows, signed

ANSWERED = re.compile(rb"^HTTP/1\.1 (\d{3}) ", re.MULTILINE)
EXPECTED = {100, 200, 400, 401, 404, 405, 408, 413, 429, 431}
"""503 is for a database that is away, and it is not."""

ANSWER_SECONDS = 0.05
"""For bytes that may be half a request. What is answered later counts all the same: the receiver has a list."""

SMALL = [body for body in BODIES.values() if len(body) < 10_000]
TOKENS = [
    b"POST ", b"GET ", b"HEAD ", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", PATH.encode(), b"/hooks/patreon/main/",
    b"/hooks/%2e%2e/%00", b"/hooks/patreon/nobody", b"/healthz", b"/readyz", b"http://elsewhere/", b"*",
    b"?a=\xff", b"#",
    b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/9.9\r\n", b"\r\n", b"\n", b"\r", b"\0", b"\r\n\r\n", b": ", b",", b";",
    b"Host: h\r\n", b"Host: \xff\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 5, 6\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n",
    b"Expect: 100-continue\r\n", b"Content-Type: application/json\r\n", b"Content-Encoding: gzip\r\n",
    b"X-Patreon-Event: members:update\r\n", b"X-Patreon-Event: \xff\x01\r\n", b"X-Patreon-Signature: x\r\n",
    b"X-Patreon-Signature: " + b"0" * 32 + b"\r\n", b"X-Patreon-Signature: " + b"\xe9" * 32 + b"\r\n",
    b"X-Forwarded-For: 1.2.3.4, \xff\r\n", b"Long: " + b"x" * 70_000 + b"\r\n", b"5\r\nabcde\r\n0\r\n\r\n",
    b"FFFFFFFFFFFFFFFFF\r\n", b"-1\r\n", b"0\r\n\r\n", b'{"data": null}',
]  # fmt: skip


def request(body: bytes, *, chunked: bool = False) -> bytes:
    """A good one, with *body*."""
    lines = [f"{name}: {value}".encode() for name, value in signed(body).items()]
    lines += [b"Host: h", b"Connection: close"]
    lines.append(b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body))
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked and body else b"0\r\n\r\n" if chunked else body
    return b"POST " + PATH.encode() + b" HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + sent


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good request with something cut out of it, put into it, or repeated."""
    whole = bytearray(request(draw(st.sampled_from(SMALL)), chunked=draw(st.booleans())))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(whole)))
        end = draw(st.integers(start, min(len(whole), start + 40)))
        put = draw(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=20), st.just(bytes(whole[start:end]) * 2)))
        whole[start:end] = put
    return bytes(whole)


ANYTHING = st.one_of(mutated(), st.lists(st.sampled_from(TOKENS), max_size=15).map(b"".join), st.binary(max_size=300))


@pytest.fixture
def ours(database: Database) -> Iterator[Receiver]:
    with receiver(database) as running:
        yield running


def answers(ours: Receiver, sent: bytes, pieces: int, *, seconds: float = PATIENCE_SECONDS) -> list[int]:
    """The codes of all answers until the receiver closes the connection, or says nothing for some seconds."""
    found = b""
    with ours.wire() as wire:
        try:
            for start in range(0, len(sent), max(1, len(sent) // pieces)):
                wire.sendall(sent[start : start + max(1, len(sent) // pieces)])
            wire.settimeout(seconds)
            while more := wire.recv(65_536):
                found += more
        except OSError:
            # cut off while it was still sending, or waiting for more
            pass
    return [int(code) for code in ANSWERED.findall(found)]


def test_whatever_bytes_come_are_answered_and_good_ones_among_them_are_stored(
    ours: Receiver, database: Database
) -> None:
    good: set[bytes] = set()

    @bounded(80)
    @given(sent=ANYTHING, pieces=st.integers(1, 3))
    def send(sent: bytes, pieces: int) -> None:
        codes = answers(ours, sent, pieces, seconds=ANSWER_SECONDS)
        assert set(codes) <= EXPECTED, (codes, sent)
        body = b'{"good": "%s"}' % sha256(sent + bytes([pieces])).hexdigest().encode()
        assert answers(ours, request(body), 1) == [200]
        good.add(body)

    send()
    stored = rows(database, "body")
    assert good <= set(stored)
    acknowledged = [code for _, code in ours.answered].count(200)
    assert sum(rows(database, "repeats + 1")) == acknowledged
    assert {code for _, code in ours.answered} <= EXPECTED
