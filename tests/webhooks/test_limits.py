"""What a sender may cost."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.ingestion.webhooks.app import MOST_BYTES
from temple_ledger.infrastructure.ingestion.webhooks.failure_limit import FailureLimit
from temple_ledger.infrastructure.ingestion.webhooks.http_protocol import DeadlineProtocol
from tests.webhooks.builders import PATH, PATIENCE_SECONDS, Receiver, receiver, rows, signed
from tests.webhooks.starved import FEW

ROOT = Path(__file__).parents[2]
CHUNKED = b"%x\r\n%s\r\n"


def head(*lines: str, method: str = "POST", path: str = PATH) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: h", *lines, "", ""]).encode()


def answer(wire: socket.socket) -> bytes:
    """All until the receiver closes the connection; what it did not read may end it with a reset."""
    found = b""
    try:
        while more := wire.recv(65536):
            found += more
    except ConnectionResetError:
        pass
    return found


def code(said: bytes) -> int:
    return int(said.split()[1]) if said else 0


@pytest.fixture
def ours(database: Database) -> Iterator[Receiver]:
    with receiver(database) as running:
        yield running


def test_a_body_of_just_the_limit_is_taken_and_one_byte_more_is_413(database: Database) -> None:
    with receiver(database, most_bytes=1_000) as ours:
        assert ours.send(b"a" * 1_000).code == 200
        assert ours.send(b"a" * 1_001).code == 413
    assert rows(database, "size") == [1_000]


def test_a_declared_oversize_is_refused_before_any_of_it_is_read(ours: Receiver) -> None:
    with ours.wire() as wire:
        wire.sendall(head(f"Content-Length: {10**12}", "Expect: 100-continue"))
        said = answer(wire)
    assert code(said) == 413
    assert b"100 Continue" not in said


def test_a_chunked_oversize_is_refused_when_it_grows_too_large(ours: Receiver, database: Database) -> None:
    with ours.wire() as wire:
        wire.sendall(head("Transfer-Encoding: chunked"))
        chunk = CHUNKED % (65536, b"a" * 65536)
        with pytest.raises(OSError):  # noqa: PT011 -- a reset or a broken pipe
            wire.sendall(chunk * 1_000)
    assert ours.send().code == 200
    assert ("patreon", 413) in ours.answered
    assert MOST_BYTES == 256 * 1024


def test_a_chunked_body_within_the_limit_is_verified_like_any_other(ours: Receiver, database: Database) -> None:
    body = b'{"data": null}'
    with ours.wire() as wire:
        lines = [f"{name}: {value}" for name, value in signed(body).items()]
        wire.sendall(head("Transfer-Encoding: chunked", "Connection: close", *lines))
        for byte in body:
            wire.sendall(CHUNKED % (1, bytes([byte])))
        wire.sendall(b"0\r\n\r\n")
        assert code(answer(wire)) == 200
    assert rows(database, "body") == [body]


SLOW = {
    "says nothing": b"",
    "never ends its headers": b"POST / HTTP/1.1\r\nHost: h\r\nX-Patreon",
    "never ends its body": head("Content-Length: 100") + b"{",
    "never ends its chunks": head("Transfer-Encoding: chunked") + CHUNKED % (1, b"a"),
    "never ends its second request": head(method="HEAD") + b"POST / HTTP/1.1\r\n",
}


def test_who_does_not_come_to_the_end_of_a_request_is_cut_off(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeadlineProtocol, "request_seconds", 0.3)
    with receiver(database) as ours:
        for what, sent in SLOW.items():
            started = time.monotonic()
            with ours.wire() as wire:
                wire.sendall(sent)
                said = answer(wire)
            assert time.monotonic() - started > 0.25, what
            assert code(said) in (0, 200), "no answer, but for the first of two requests"
    assert rows(database) == []


def test_a_drop_now_and_then_does_not_extend_the_deadline(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeadlineProtocol, "request_seconds", 0.3)
    with receiver(database) as ours, ours.wire() as wire:
        started = time.monotonic()
        wire.sendall(head("Content-Length: 100000"))
        wire.settimeout(0.05)
        while True:
            assert time.monotonic() - started < PATIENCE_SECONDS
            try:
                wire.sendall(b"a")
                assert wire.recv(100) == b""
                break
            except TimeoutError:
                continue
            except OSError:
                break
        assert time.monotonic() - started > 0.25


def test_a_connection_that_is_kept_alive_between_requests_is_not_cut_off(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeadlineProtocol, "request_seconds", 0.5)
    with receiver(database) as ours, ours.wire() as wire:
        wire.sendall(head(method="HEAD"))
        assert code(wire.recv(1000)) == 200
        wire.settimeout(0.8)
        with pytest.raises(TimeoutError):
            wire.recv(1)
        wire.settimeout(10)
        wire.sendall(head(method="HEAD"))
        assert code(wire.recv(1000)) == 200


def test_when_too_many_are_connected_the_next_one_is_told_to_come_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeadlineProtocol, "most_connections", 2)
    with receiver(database) as ours:
        idle = [ours.wire() for _ in range(2)]
        for wire in idle:
            wire.sendall(head(method="HEAD"))
            assert code(wire.recv(1000)) == 200
        with ours.wire() as wire:
            said = answer(wire)
        assert code(said) == 503
        assert b"Retry-After: 30" in said
        for wire in idle:
            wire.close()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (got := taken(ours)) != 200:
            assert time.monotonic() < deadline, got
    assert len(rows(database)) == 1


def test_slow_connections_of_one_address_keep_no_other_address_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeadlineProtocol, "most_connections", 6)
    monkeypatch.setattr(DeadlineProtocol, "request_seconds", PATIENCE_SECONDS)
    with receiver(database) as ours:
        slow = [ours.wire() for _ in range(6)]
        for wire in slow:
            wire.sendall(b"POST / HTTP/1.1\r\nHost:")
        for _ in range(3):
            with from_address(ours, "127.0.0.2") as wire:
                wire.sendall(head("Connection: close", method="HEAD"))
                assert code(answer(wire)) == 200
        assert sum(is_open(wire) for wire in slow) == 5, "one made room, and the room was enough"
        slow.append(ours.wire())
        with ours.wire() as more:
            assert code(answer(more)) == 503, "its own address has the most"
        for wire in slow:
            wire.close()


def from_address(ours: Receiver, address: str) -> socket.socket:
    return socket.create_connection(
        (ours.server.host, ours.server.port), timeout=PATIENCE_SECONDS, source_address=(address, 0)
    )


def is_open(wire: socket.socket) -> bool:
    """Neither answered nor cut off."""
    wire.setblocking(False)
    try:
        wire.recv(1)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_without_file_descriptors_senders_are_told_to_come_again_and_the_log_has_a_line() -> None:
    starved = subprocess.Popen(
        [sys.executable, "-m", "tests.webhooks.starved"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert starved.stdout is not None
    there = ("127.0.0.1", int(starved.stdout.readline()))
    with ExitStack() as stack:
        wires = [stack.enter_context(socket.create_connection(there, PATIENCE_SECONDS)) for _ in range(3 * FEW)]
        assert code(answer(wires[-1])) == 503
        turned_away = sum(not is_open(wire) for wire in wires)
        assert turned_away > FEW
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (got := get(there)) != 200:
        assert time.monotonic() < deadline, got
    _, said = starved.communicate(timeout=PATIENCE_SECONDS)
    assert said == "" or len(said.splitlines()) <= 3, said[:2000]


def get(there: tuple[str, int]) -> int:
    with suppress(OSError), socket.create_connection(there, PATIENCE_SECONDS) as wire:
        wire.sendall(head("Connection: close", method="GET"))
        return code(answer(wire))
    return 0


def taken(ours: Receiver) -> int:
    try:
        return ours.send().code
    except OSError:
        return 0


def test_failures_of_an_address_are_limited_and_never_touch_the_database(database: Database) -> None:
    with receiver(database, failures=FailureLimit(burst=3, refill_seconds=1_000)) as ours:
        wrong = {"X-Patreon-Signature": "0" * 32}
        assert [ours.send(headers=wrong).code for _ in range(5)] == [401, 401, 401, 429, 429]
        limited = ours.send(headers={})
        assert (limited.code, limited.headers["retry-after"]) == (429, "30")
        # behind a proxy that does not say for whom it asks, Patreon has the same address
        assert ours.send().code == 200
    assert len(rows(database)) == 1


def test_behind_a_trusted_proxy_failures_count_for_those_whom_it_asks_for(database: Database) -> None:
    strict = FailureLimit(burst=1, refill_seconds=1_000)
    wrong = {"X-Patreon-Signature": "0" * 32}

    def codes(ours: Receiver) -> list[int]:
        senders = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "198.51.100.7, 192.0.2.3", "\xe9" * 5_000]
        return [ours.send(headers={**wrong, "X-Forwarded-For": each}).code for each in senders]

    with receiver(database, failures=strict, proxies="127.0.0.1") as ours:
        assert codes(ours) == [401, 429, 401, 401, 401]
    with receiver(database, failures=FailureLimit(burst=1, refill_seconds=1_000)) as ours:
        assert codes(ours) == [401, 429, 429, 429, 429], "whoever asks for himself is not believed"


def test_failures_are_forgotten_with_time_and_counted_for_each_address() -> None:
    now = 0.0
    limit = FailureLimit(burst=2, refill_seconds=3, clock=lambda: now)
    assert [limit.failed("192.0.2.1") for _ in range(3)] == [False, False, True]
    assert not limit.exceeded("192.0.2.2")
    now = 3.0
    assert [limit.failed("192.0.2.1") for _ in range(2)] == [False, True]


def test_one_customer_of_ipv6_is_one_address() -> None:
    limit = FailureLimit(burst=1)
    limit.failed("2001:db8::1")
    assert limit.exceeded("2001:db8::ffff:2")
    assert not limit.exceeded("2001:db8:0:1::1")
    limit.failed("::ffff:192.0.2.1")
    assert limit.exceeded("192.0.2.1")


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    limit = FailureLimit(burst=1)
    for number in range(20_000):
        limit.failed(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
    assert len(limit._free_at) == 10_000


ANSWERS = {
    ("GET", PATH): 405,
    ("HEAD", PATH): 200,
    ("PUT", PATH): 405,
    ("DELETE", PATH): 405,
    ("OPTIONS", PATH): 405,
    ("TRACE", PATH): 405,
    ("POST", "/"): 404,
    ("GET", f"{PATH}/"): 405,
    ("POST", f"{PATH}//"): 404,
    ("POST", "/hooks/patreon"): 404,
    ("POST", "/hooks/patreon/%2e%2e/main"): 404,
    ("POST", "/docs"): 404,
    ("GET", "/openapi.json"): 404,
    ("POST", "/healthz"): 405,
    ("GET", "/healthz"): 200,
    ("GET", "/readyz"): 200,
}


def test_other_methods_and_paths_are_answered_without_touching_the_inbox(ours: Receiver, database: Database) -> None:
    got = {(method, path): ours.send(b"", signed(b""), method=method, path=path) for method, path in ANSWERS}
    assert {request: each.code for request, each in got.items()} == ANSWERS
    assert got["GET", PATH].headers["allow"] == "POST, HEAD"
    assert ours.answered.count(("", 404)) == 6
    assert rows(database) == []


HOSTILE_REQUESTS = {
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00",
    "a bad length": head("Content-Length: -1"),
    "two lengths": head("Content-Length: 1", "Content-Length: 2") + b"ab",
    "a length of a million digits": head("Content-Length: " + "9" * 60_000),
    "length and chunks": head("Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "headers without end": b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000,
    "a NUL in a header": head("X-Patreon-Signature: \0"),
    "an upgrade": head("Connection: upgrade", "Upgrade: websocket", method="GET"),
    "a wish to a proxy": b"CONNECT example.org:443 HTTP/1.1\r\nHost: h\r\n\r\n",
}


def test_no_answer_to_whatever_is_sent_is_a_500_or_tells_versions_or_code(ours: Receiver) -> None:
    said = {name: sent_raw(ours, sent) for name, sent in HOSTILE_REQUESTS.items()}
    assert {code(each) for each in said.values()} <= {0, 400, 401, 404, 405}
    told = b"".join(said.values()).lower()
    for word in (b"uvicorn", b"h11", b"starlette", b"python", b"traceback", b".py"):
        assert word not in told
    assert ours.send().code == 200


def sent_raw(ours: Receiver, sent: bytes) -> bytes:
    with ours.wire() as wire:
        wire.settimeout(15)
        with suppress(OSError):
            wire.sendall(sent)
            wire.shutdown(socket.SHUT_WR)
        return answer(wire)
