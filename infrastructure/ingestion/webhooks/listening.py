"""Where a process of ours listens: an address of IPv4 or IPv6, with or without brackets, or a name for one."""

import ipaddress
import socket
from contextlib import suppress
from typing import Final

from temple_ledger.domain.errors import CannotListen
from temple_ledger.infrastructure.ingestion.webhooks.listening_socket import ListeningSocket

BACKLOG: Final = 2048
"""Of a shorter queue the rest is dropped by the system, and tries again after 1, 3 and 7 seconds."""


def listening(host: str, port: int) -> socket.socket:
    """*port* 0 takes a free one. On `::` it listens for IPv4 too; of a name with addresses of both kinds, on that of
    IPv4. Raises CannotListen.
    """
    family, address = _addresses(host, port)[0]
    # with the protocol asyncio sees that it is TCP, and does not hold the end of an answer back until a packet is
    # acknowledged: 40 ms of each request on a connection that stays open
    bound: ListeningSocket | None = None
    try:
        bound = ListeningSocket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address[0] == "::":
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(address)
        bound.listen(BACKLOG)
        bound.hold_back()
    except OSError as error:
        if bound is not None:
            bound.close()
        raise CannotListen.on(host, port, error) from None
    return bound


def is_this_machine_alone(host: str) -> bool:
    """Whether nobody else can reach what listens there. Raises CannotListen for a name that has no address."""
    return all(ipaddress.ip_address(address[0].partition("%")[0]).is_loopback for _, address in _addresses(host, 0))


def host_in_url(host: str) -> str:
    """An address of IPv6 in brackets, which the port stands behind."""
    bare = without_brackets(host)
    return f"[{bare}]" if ":" in bare else bare


def url_at(host: str, port: int) -> str:
    return f"http://{host_in_url(host)}:{port}"


def without_brackets(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def plain_address(address: str) -> str:
    """That of IPv4 for whoever reached us by it on a socket of IPv6, as they are written everywhere else."""
    with suppress(ValueError):
        mapped = getattr(ipaddress.ip_address(address), "ipv4_mapped", None)
        return address if mapped is None else str(mapped)
    return address


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(without_brackets(host), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CannotListen.on(host, port, error) from None
    except UnicodeError:
        raise CannotListen.on(host, port, OSError("it is no name of a host")) from None
    addresses = [(family, address) for family, _, _, _, address in found]
    return sorted(addresses, key=lambda each: each[0] != socket.AF_INET)  # type: ignore[arg-type]
