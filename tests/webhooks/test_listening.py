"""Every listener takes an address of IPv4 or IPv6, with or without brackets, or a name; its links say the same."""

import socket

import pytest

from temple_ledger.domain.errors import CannotListen
from temple_ledger.infrastructure.ingestion.webhooks.listening import listening, plain_address, url_at
from temple_ledger.infrastructure.ingestion.webhooks.server import Server
from temple_ledger.infrastructure.web.security import Place


@pytest.fixture(autouse=True)
def _speaks_ipv6() -> None:
    try:
        with listening("::1", 0):
            pass
    except CannotListen:
        pytest.skip("this machine has no IPv6")


@pytest.mark.parametrize("host", ["::1", "[::1]", "::", "[::]", "0:0:0:0:0:0:0:1"])
def test_an_address_of_ipv6_is_listened_on(host: str) -> None:
    with listening(host, 0) as door, socket.create_connection(("::1", door.getsockname()[1]), timeout=60):
        assert door.family is socket.AF_INET6


@pytest.mark.parametrize("host", ["::", "127.0.0.1", "localhost"])
def test_who_comes_by_ipv4_finds_all_addresses_and_names_of_both_kinds(host: str) -> None:
    with listening(host, 0) as door:
        socket.create_connection(("127.0.0.1", door.getsockname()[1]), timeout=60).close()


@pytest.mark.parametrize("host", ["x" * 80, "no.such.host.invalid", "http://127.0.0.1", "127.0.0.1:80"])
def test_what_is_no_address_and_no_name_is_a_sentence(host: str) -> None:
    with pytest.raises(CannotListen, match="cannot listen on"):
        listening(host, 0)


def test_the_address_of_a_link_stands_in_brackets() -> None:
    assert [url_at(host, 80) for host in ("::1", "[::1]", "127.0.0.1", "name")] == [
        "http://[::1]:80",
        "http://[::1]:80",
        "http://127.0.0.1:80",
        "http://name:80",
    ]


def test_who_comes_by_ipv4_to_a_socket_of_ipv6_has_the_address_that_proxies_are_set_to() -> None:
    seen: list[str] = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(scope["client"][0])  # type: ignore[index]

    with (
        Server(app, listening("::", 0)) as server,  # type: ignore[arg-type]
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as wire,
    ):
        wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while wire.recv(4096):
            pass
    assert seen == ["127.0.0.1"]
    assert plain_address("2001:db8::1") == "2001:db8::1"


def test_the_console_answers_to_the_name_that_its_link_has() -> None:
    assert "console.here:8420" in Place(8420, host="Console.here").hosts
