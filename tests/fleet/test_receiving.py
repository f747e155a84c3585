"""One receiver for all ledgers: a delivery belongs to the ledger whose secret verified it."""

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.ingestion.webhooks.server import Server
from temple_ledger.infrastructure.processes.fleet.file import read_fleet
from temple_ledger.infrastructure.processes.fleet.ledgers import LedgerSession
from temple_ledger.infrastructure.processes.fleet.receive import receiving_for_all
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.infrastructure.terminal.session import Session
from tests.fleet.conftest import NAMES, NOWHERE, Write
from tests.fleet.conftest import Server as Databases
from tests.fleet.test_fleet import until
from tests.patreon.bodies import ACOLYTE, CAMPAIGN, encoded, member_document
from tests.webhooks.builders import PATH, signed

SECRETS: Final = {name: f"the-secret-of-{name}-0123456789" for name in (*NAMES, "away")}
SHARED: Final = "the-secret-of-two-ledgers-0123456789"


def settings_of(name: str, secret: str, campaign: str = CAMPAIGN) -> str:
    return f'[ledger.settings]\npatreon_secrets = "{secret}"\npatreon_campaign_ids = "{campaign}"'


def send(server: Server, body: bytes, secret: str) -> int:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.request("POST", PATH, body, signed(body, secret))
    code = connection.getresponse().status
    connection.close()
    return code


def inbox(server: Databases, name: str) -> list[Any]:
    with server.owner(name).connect(DatabaseRole.APPEND) as connection:
        return connection.execute("select state, note from inbox order by id").fetchall()


@pytest.fixture
def receiver(write: Write, server: Databases, tmp_path: Path) -> Iterator[Server]:
    """Of two ledgers that are there, one of another campaign, and one whose server is down; all at one path."""
    dsns = {"oracle": server.dsn("oracle"), "seer": server.dsn("seer"), "away": NOWHERE}
    file = write(
        dsns,
        oracle=settings_of("oracle", SECRETS["oracle"]),
        seer=settings_of("seer", SECRETS["seer"], "another"),
        away=settings_of("away", SECRETS["away"]),
    )
    process = Session({"home": tmp_path, "metrics_port": 0}, load_settings)
    sessions = [LedgerSession(process, each) for each in read_fleet(file).ledger]
    with receiving_for_all(process, sessions, port=0) as found:
        yield found


def test_a_delivery_goes_to_the_ledger_whose_secret_verified_it(receiver: Server, server: Databases) -> None:
    """One that is down answers 503 for itself alone; a body of another campaign is set aside where it came in."""
    body = encoded(member_document(ACOLYTE))
    assert send(receiver, body, "no secret of anybody's") == 401
    assert send(receiver, body, SECRETS["away"]) == 503
    assert send(receiver, body, SECRETS["oracle"]) == 200
    assert send(receiver, body, SECRETS["seer"]) == 200
    until(lambda: inbox(server, "oracle") == [("translated", None)])
    aside = f"it is of campaign {CAMPAIGN}, which is not this ledger's"
    until(lambda: inbox(server, "seer") == [("set_aside", aside)])
    assert inbox(server, "tavern") == []


def test_a_delivery_that_two_ledgers_verify_is_stored_in_neither(
    write: Write, server: Databases, tmp_path: Path
) -> None:
    file = write(
        {name: server.dsn(name) for name in ("seer", "tavern")},
        seer=settings_of("seer", SHARED),
        tavern=settings_of("tavern", SHARED),
    )
    process = Session({"home": tmp_path, "metrics_port": 0}, load_settings)
    sessions = [LedgerSession(process, each) for each in read_fleet(file).ledger]
    before = {name: len(inbox(server, name)) for name in ("seer", "tavern")}
    with receiving_for_all(process, sessions, port=0) as found:
        assert send(found, encoded(member_document(ACOLYTE, lifetime=7)), SHARED) == 503
    assert {name: len(inbox(server, name)) for name in ("seer", "tavern")} == before


def test_a_fleet_without_a_secret_has_no_receiver(file: Path, tmp_path: Path) -> None:
    process = Session({"home": tmp_path}, load_settings)
    sessions = [LedgerSession(process, each) for each in read_fleet(file).ledger]
    with (
        pytest.raises(Refused, match="no ledger of the file has a secret"),
        receiving_for_all(process, sessions, port=0),
    ):
        pass
