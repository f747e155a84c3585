"""An open page is notified of whatever moves, over one stream that ends with its session and with the server."""

import asyncio
import http.client
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.live import MOST_OF_A_SESSION, Live
from temple_ledger.projections.testing.histories import at, joined
from tests.web.conftest import ConsoleAtWork, Started, Visitor

SECONDS = 60


@contextmanager
def stream_of(visitor: Visitor) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", visitor.port, timeout=SECONDS)
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    connection.request("GET", "/live", headers={"Cookie": cookies, "Accept": "text/event-stream"})
    response = connection.getresponse()
    try:
        yield response
    finally:
        connection.close()


def begun(stream: http.client.HTTPResponse) -> str:
    """Where the ledger is; the server listens from then on."""
    assert stream.status == 200
    assert stream.readline().startswith(b"retry: ")
    assert stream.readline() == b"event: now\n"
    now = next_event(stream)
    assert stream.readline() == b"\n"
    return now


def next_event(stream: http.client.HTTPResponse) -> str:
    """Raises TimeoutError where nothing comes; empty where the stream has ended."""
    while (line := stream.readline()) and not line.startswith(b"data: "):
        pass
    return line.decode().removeprefix("data: ").strip()


def test_a_stream_says_that_the_head_moved_and_nothing_else(
    console: ConsoleAtWork, visitor: Visitor, ledger: LedgerScenario
) -> None:
    with stream_of(visitor) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in stream.headers
        begun(stream)
        ledger.given(joined("ada", at(20)))
        first = next_event(stream)
        ledger.catch_up()
        second = next_event(stream)
        assert "" not in (first, second)
        assert first != second
        assert set(first) <= set("0123456789.")


def test_what_moves_between_a_page_and_its_stream_is_seen(
    console: ConsoleAtWork, visitor: Visitor, ledger: LedgerScenario
) -> None:
    with stream_of(visitor) as stream:
        begun(stream)
        found = re.search(r'data-head="(\d+)\.', visitor.get("/events").text)
        assert found is not None
        [number] = ledger.given(joined("ada", at(20)))
        while not next_event(stream).startswith(f"{number}."):
            pass
        with stream_of(visitor) as later:
            assert begun(later).startswith(f"{number}.")
        assert found[1] != str(number)


def test_a_page_that_was_made_while_nobody_listened_is_not_older_than_its_stream(
    visitor: Visitor, ledger: LedgerScenario
) -> None:
    """It is not asked for once more, for nothing."""
    visitor.get("/events")
    ledger.given(joined("ada", at(20)))
    page = re.search(r'data-head="([^"]+)"', visitor.get("/events").text)
    with stream_of(visitor) as stream:
        assert page is not None
        assert begun(stream).startswith(f"{page[1].rpartition(chr(46))[0]}.")


def test_a_stream_begins_with_what_the_first_look_at_the_log_has_found() -> None:
    """A page that was made before then asks for its part; nobody waits for the next beat."""

    async def first() -> bytes:
        stream = await Live(lambda: "7.7.0").stream(1, lambda: True)
        async with asyncio.timeout(SECONDS):
            return await anext(stream)

    assert asyncio.run(first()).endswith(b"\nevent: now\ndata: 7.7.0\n\n")


def test_a_stream_ends_with_its_session(
    console: ConsoleAtWork, visitor: Visitor, database: Database, ledger: LedgerScenario
) -> None:
    with stream_of(visitor) as stream:
        begun(stream)
        with database.connect(DatabaseRole.OWNER) as connection:
            connection.execute("update web_session set revoked_at = clock_timestamp()")
        ledger.given(joined("ada", at(20)))
        while next_event(stream):
            pass


def test_so_many_streams_of_a_session_and_no_more(console: ConsoleAtWork, visitor: Visitor) -> None:
    other = console.signed_in()
    streams = [stream_of(visitor) for _ in range(MOST_OF_A_SESSION)]
    for each in streams:
        begun(each.__enter__())
    with stream_of(visitor) as one_too_many, stream_of(other) as of_another:
        assert one_too_many.status == 503
        begun(of_another)
    for each in streams:
        each.__exit__(None, None, None)


def test_a_server_that_stops_ends_its_streams(start: Started, consoles: ExitStack) -> None:
    console = start()
    with stream_of(console.signed_in()) as stream:
        begun(stream)
        consoles.close()
        while next_event(stream):
            pass
    with pytest.raises(ConnectionRefusedError):
        console.visitor().get("/healthz")
