"""A receiver on loopback, and senders who know no better than to speak HTTP."""

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.webhooks.app import Receiving, receiver_app
from temple_ledger.infrastructure.ingestion.webhooks.failure_limit import FailureLimit
from temple_ledger.infrastructure.ingestion.webhooks.inbox_writer import InboxWriter
from temple_ledger.infrastructure.ingestion.webhooks.listening import listening
from temple_ledger.infrastructure.ingestion.webhooks.server import Server
from temple_ledger.infrastructure.sources.patreon.webhook import patreon_endpoint, signature
from temple_ledger.infrastructure.sources.patreon.webhook_secrets import CampaignSecret

SECRET = "temple-ledger-test-secret"
OLD_SECRET = "temple-ledger-old-secret"
OTHER_SECRET = "temple-ledger-other-secret"
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
VECTOR = (
    '{"data":{"type":"member","id":"8d7c1b1e-0000-4000-8000-0000000000a1",'
    '"attributes":{"full_name":"Zoë ☕","patron_status":"active_patron"}}}'
).encode()
PATH = "/hooks/patreon/main"
PATIENCE_SECONDS = 60


@dataclass
class Answer:
    code: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    server: Server
    writer: InboxWriter
    answered: list[tuple[str, int]] = field(default_factory=list)

    def send(
        self,
        body: bytes = VECTOR,
        headers: Mapping[str, str] | list[tuple[str, bytes]] | None = None,
        *,
        path: str = PATH,
        method: str = "POST",
    ) -> Answer:
        """With *headers* as they are given; by default those that Patreon would send."""
        given = signed(body) if headers is None else headers
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=PATIENCE_SECONDS)
        try:
            connection.putrequest(method, path)
            for name, value in given.items() if isinstance(given, Mapping) else given:
                connection.putheader(name, value)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def wire(self) -> socket.socket:
        return socket.create_connection((self.server.host, self.server.port), timeout=PATIENCE_SECONDS)


def signed(body: bytes, secret: str = SECRET, trigger: str = "members:update") -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "Patreon HTTP Robot",
        "X-Patreon-Event": trigger,
        "X-Patreon-Signature": signature(secret.encode(), body).decode(),
    }


@contextmanager
def receiver(
    database: Database, *, answer_seconds: float = 5.0, proxies: str = "", **receiving: Any
) -> Iterator[Receiver]:
    writer = InboxWriter(database, answer_seconds=answer_seconds, away_seconds=0.0)
    answered: list[tuple[str, int]] = []
    doors = [
        patreon_endpoint(
            "main",
            [
                CampaignSecret(secret=SecretStr(SECRET)),
                CampaignSecret(secret=SecretStr(OLD_SECRET), until=NOW + timedelta(hours=1)),
            ],
        ),
        patreon_endpoint("second", [CampaignSecret(secret=SecretStr(OTHER_SECRET))]),
    ]
    receiving.setdefault("clock", lambda: NOW)
    receiving.setdefault("failures", FailureLimit(burst=1_000))
    given = Receiving(writer, answered=lambda source, code, _: answered.append((source, code)), **receiving)
    writer.start()
    try:
        with Server(receiver_app(doors, given), listening("127.0.0.1", 0), proxies=proxies) as server:
            yield Receiver(server, writer, answered)
    finally:
        writer.close()


def rows(database: Database, columns: str = "kind, origin, body, repeats") -> list[Any]:
    with database.connect(DatabaseRole.APPEND) as connection:
        found = connection.execute(f"select {columns} from inbox order by id".encode()).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]
