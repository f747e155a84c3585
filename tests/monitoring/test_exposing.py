"""Metrics over HTTP: for this machine, or for whoever has the token; for nobody else, and nothing but metrics."""

import socket
import struct
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, Gauge

from temple_ledger.domain.errors import CannotListen, Refused
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.ingestion.webhooks.listening import is_this_machine_alone
from temple_ledger.infrastructure.observability.metrics import exposing
from temple_ledger.infrastructure.observability.metrics.exposing import exposed
from tests.cli.conftest import Typed
from tests.cli.test_run import line_of
from tests.monitoring.scraping import Scrape
from tests.ports import free_port
from tests.runner.test_runner import wait_until


def get(port: int, path: str = "/metrics", *, method: str = "GET", **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - an address of this machine
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def registry() -> CollectorRegistry:
    found = CollectorRegistry()
    Gauge("here", "It is", registry=found).set(1)
    return found


def test_metrics_and_nothing_else_are_answered(registry: CollectorRegistry) -> None:
    with exposed(registry, "127.0.0.1", 0) as port:
        code, text = get(port)
        assert (code, Scrape(text)("here")) == (200, 1)
        assert get(port, "/")[0] == 404
        assert get(port, "/metrics/../etc/passwd")[0] == 404
        assert get(port, method="POST")[0] == 405


def test_an_address_that_others_reach_is_refused_without_a_token(registry: CollectorRegistry) -> None:
    with pytest.raises(Refused, match="TEMPLE_METRICS_TOKEN"), exposed(registry, "0.0.0.0", 0):  # noqa: S104
        pass
    with pytest.raises(Refused, match="TEMPLE_METRICS_TOKEN"), exposed(registry, "[::]", 0):
        pass
    assert all(map(is_this_machine_alone, ("127.0.0.2", "::1", "[::1]", "localhost")))
    assert not any(map(is_this_machine_alone, ("0.0.0.0", "::", "192.0.2.1", "2001:db8::1")))  # noqa: S104


def test_with_a_token_only_who_sends_it_is_answered(registry: CollectorRegistry) -> None:
    with exposed(registry, "0.0.0.0", 0, token="hunter2") as port:  # noqa: S104
        assert get(port)[0] == 401
        assert get(port, Authorization="Bearer hunter3")[0] == 401
        assert get(port, Authorization="Bearer hünter2")[0] == 401
        assert get(port, Authorization="Bearer hunter2")[0] == 200


def stalled(port: int, sent: bytes) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", port), timeout=60)
    wire.sendall(sent)
    return wire


def test_clients_that_stall_or_leave_print_nothing(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(exposing._Quiet, "timeout", 0.1)
    with exposed(registry, "127.0.0.1", 0) as port:
        wires = [stalled(port, sent) for sent in (b"", b"GET /metrics HTTP/1.1\r\nHost:", b"GET /metrics")]
        for wire in wires:
            assert wire.recv(1) == b""
        leaves = stalled(port, b"GET /metrics HTTP/1.1\r\n")
        leaves.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        leaves.close()
        assert get(port)[0] == 200
        with stalled(port, b"GET /" + b"a" * 100_000) as long:
            assert b"414" in long.recv(1_000)
    assert capfd.readouterr() == ("", "")


def test_however_many_clients_stall_the_next_one_is_answered(registry: CollectorRegistry) -> None:
    with exposed(registry, "127.0.0.1", 0) as port:
        wires = [stalled(port, b"GET /metrics HTTP/1.1\r\n") for _ in range(3 * exposing.MOST_CONNECTIONS)]
        for wire in wires[: exposing.MOST_CONNECTIONS]:
            assert wire.recv(1) == b"", "the oldest ones made room"
        assert get(port)[0] == 200
        for wire in wires:
            wire.close()


def test_what_cannot_be_collected_is_a_line_and_no_traceback(
    registry: CollectorRegistry, capfd: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def collect(self) -> list[object]:
            raise ValueError("secret")

    registry._collector_to_names[Broken()] = []  # type: ignore[index]
    with exposed(registry, "127.0.0.1", 0) as port:
        assert get(port)[0] == 500
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_port_that_is_taken_is_one_sentence(registry: CollectorRegistry) -> None:
    with (
        exposed(registry, "127.0.0.1", 0) as port,
        pytest.raises(CannotListen, match=str(port)),
        exposed(registry, "127.0.0.1", port),
    ):
        pass


def test_a_runner_answers_until_it_ends(
    temple: Typed, database: Database, spawn: Callable[..., "subprocess.Popen[str]"]
) -> None:
    port = free_port()
    process = spawn("run", "--metrics-port", str(port))
    line_of(process, "Ctrl-C ends it")
    assert temple("projection", "wait", "members", "--timeout", "60").code == 0
    assert Scrape(get(port)[1])("ledger_metrics_complete") == 1
    wait_until(lambda: Scrape(get(port)[1])("ledger_runner_heartbeat_timestamp_seconds") != 0)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 0
    with pytest.raises(urllib.error.URLError):
        get(port)


def test_a_port_that_was_asked_for_has_to_be_free(temple: Typed, registry: CollectorRegistry) -> None:
    with exposed(registry, "127.0.0.1", 0) as port:
        ended = temple("run", "--metrics-port", str(port))
    assert ended.code == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_for_others_without_a_token_exits_5(temple: Typed) -> None:
    ended = temple("run", TEMPLE_METRICS_HOST="0.0.0.0", TEMPLE_METRICS_PORT="9")  # noqa: S104
    assert ended.code == 5
    assert "TEMPLE_METRICS_TOKEN" in ended.stderr
