"""A console on a ledger of the test, and somebody who looks at it over HTTP."""

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.console_logins import ACTIONS, READER, SIGN_IN, as_login, make_console_logins
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.ingestion.webhooks.listening import listening
from temple_ledger.infrastructure.names.nicknames import FILE
from temple_ledger.infrastructure.operating.process import carry_out
from temple_ledger.infrastructure.operating.wire import Actions
from temple_ledger.infrastructure.processes.sources import actors
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.testing.copies import Copies
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.rights import EVERY, Right
from temple_ledger.infrastructure.web.serving import serving
from temple_ledger.infrastructure.web.sign_in import make_link
from temple_ledger.projections.testing.histories import at, changed_tier, joined, left, pledged, role_added
from tests.queries.builders import append, role_created, unfoldable

ADA, BOB, EVE, GONE = "500000000000000001", "500000000000000002", "500000000000000003", "500000000000000004"
ORACLE, SEER = "400000000000000001", "400000000000000002"
PATREON = "216303189073461248"
NAMES = f"{ADA},Ada Lovelace\n{BOB},Bob\n{EVE},Eve,bot\n"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def data(self) -> Any:
        return json.loads(self.body)["data"]

    @property
    def words(self) -> str:
        """What a person reads, with single spaces."""
        parser = _Words()
        parser.feed(self.text)
        return re.sub(r"\s+", " ", "".join(parser.words))

    def link(self, words: str) -> str:
        """Where the first link with these words leads. Raises KeyError."""
        parser = _Words()
        parser.feed(self.text)
        for href, found in parser.links:
            if re.sub(r"\s+", " ", found).strip() == words:
                return href
        raise KeyError(words, [found for _, found in parser.links])


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[tuple[str, str]] = []
        self._open: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._open.append((dict(attrs).get("href") or "", []))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open:
            href, words = self._open.pop()
            self.links.append((href, "".join(words)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        for _, words in self._open:
            words.append(data)


@dataclass
class Visitor:
    """A browser without a script, that follows nothing by itself."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, fields: dict[str, str] | None = None, *, origin: str | None = "own") -> Answer:
        sent = {} if origin is None else {"Origin": self.origin if origin == "own" else origin}
        body = urlencode(fields or {})
        return self.ask("POST", path, body, **{**sent, "Content-Type": "application/x-www-form-urlencoded"})

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies and "Cookie" not in names:
            names["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, path, body, names)
        response = connection.getresponse()
        answer = Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        )
        connection.close()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                pair = value.partition(";")[0]
                self.cookies[pair.partition("=")[0]] = pair.partition("=")[2].strip('"')
        return answer

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def follow(self, answer: Answer) -> Answer:
        return self.get(answer.headers["location"])


@dataclass
class ConsoleAtWork:
    port: int
    reader: Database
    signer: Database

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def link(self, rights: "tuple[Right, ...]" = EVERY) -> str:
        with self.signer.connect(DatabaseRole.LOGIN) as connection:
            return f"/sign-in/{make_link(connection, 'local:tester', rights)}"

    def visitor(self) -> Visitor:
        return Visitor(self.port)

    def signed_in(self, *rights: Right) -> Visitor:
        found = self.visitor()
        assert found.post(self.link(rights or EVERY)).status == 303
        return found


Started = Callable[..., ConsoleAtWork]


@contextmanager
def console_on(
    database: Database, home: Path, *, allow_actions: bool = False, clock: Callable[[], float] = time.monotonic
) -> Iterator[ConsoleAtWork]:
    """A console in this process, while the block lasts; whatever carries out actions, too."""
    make_console_logins(database)
    bots = {user_id: actor.name for user_id, actor in actors().items()}
    session = Session({"home": home, "database_url": database.dsn}, load_settings, lambda: bots)
    reader, signer = as_login(database, READER), as_login(database, SIGN_IN)
    actions = Actions(partial(_acting, session, as_login(database, ACTIONS))) if allow_actions else None
    try:
        with serving(session, listening("127.0.0.1", 0), reader, signer, actions=actions, clock=clock) as server:
            yield ConsoleAtWork(server.port, reader, signer)
    finally:
        if actions is not None:
            actions.close()


def _acting(session: Session, database: Database) -> socket.socket:
    ours, theirs = socket.socketpair()
    threading.Thread(target=carry_out, args=(theirs, database, session.settings), daemon=True).start()
    return ours


@pytest.fixture
def consoles() -> Iterator[ExitStack]:
    """Whatever `start` started ends with it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start(consoles: ExitStack, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    """Starts consoles; keywords are variables of the environment."""
    home = tmp_path / "home"
    home.mkdir()
    (home / FILE).write_text(NAMES, encoding="utf-8")

    def started(
        clock: Callable[[], float] = time.monotonic, *, allow_actions: bool = False, **environment: str
    ) -> ConsoleAtWork:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return consoles.enter_context(console_on(database, home, allow_actions=allow_actions, clock=clock))

    return started


@pytest.fixture
def console(start: Started) -> ConsoleAtWork:
    return start()


@pytest.fixture
def visitor(console: ConsoleAtWork) -> Visitor:
    """Signed in, with every right."""
    return console.signed_in()


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return peopled(database)


@pytest.fixture(scope="module")
def reader(server: EmbeddedServer, copies: Copies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """Signed in, with every right, on the ledger of a module: for tests that only read."""
    name, home = copies.take(), tmp_path_factory.mktemp("home")
    (home / FILE).write_text(NAMES, encoding="utf-8")
    database = Database(server.dsn(name))
    peopled(database)
    with console_on(database, home, allow_actions=True) as console:
        yield console.signed_in()
    copies.drop(name)


def peopled(database: Database) -> LedgerScenario:
    """Ada pays for Gold, and has Oracle from Patreon because of it; Bob has Seer, given by Eve, and is parked since;
    somebody left."""
    found = LedgerScenario(database)
    found.given(role_created(ORACLE, "Oracle", at(0)), role_created(SEER, "Seer", at(0)))
    found.given(joined(ADA, at(1)), joined(BOB, at(2)), joined(GONE, at(2)))
    found.given(pledged(ADA, "Silver", at(3)), changed_tier(ADA, "Gold", at(5)))
    append(found, role_added(ADA, ORACLE, at(6), by=PATREON), granted_by=PATREON, reason="pledged")
    append(found, role_added(BOB, SEER, at(7), by=EVE), granted_by=EVE, reason="won the <b>raffle</b>")
    append(found, role_added(GONE, SEER, at(7), by=EVE), granted_by=EVE)
    found.given(left(GONE, at(8)))
    unfoldable(database, BOB, at(9))
    found.catch_up()
    return found


def parts(url: str) -> str:
    split = urlsplit(url)
    return f"{split.path}?{split.query}" if split.query else split.path
