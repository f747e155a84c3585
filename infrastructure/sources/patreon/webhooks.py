"""Patreon's webhooks, as Patreon describes them: a paused or failing one delivers nothing any more."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.instant import parse_instant
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.sources.patreon.client import PatreonClient
from temple_ledger.infrastructure.sources.patreon.document import Document

MOST_FAILURES: Final = 2**31 - 1


class Webhook(NamedTuple):
    """`failures`: how many deliveries failed since the last one that did not."""

    webhook_id: str
    uri: str | None
    paused: bool
    failures: int
    last_attempted_at: datetime | None
    triggers: Sequence[str]
    read_at: datetime

    @property
    def in_trouble(self) -> bool:
        return self.paused or self.failures > 0


async def ask_webhooks(client: PatreonClient) -> list[Webhook]:
    """Raises PlatformUnavailable."""
    return _webhooks(await client.webhooks(), datetime.now(UTC))


async def read_webhooks(database: Database, client: PatreonClient) -> list[Webhook]:
    """Asked of Patreon, and stored for the metrics. Raises PlatformUnavailable, DatabaseUnavailable."""
    found = await ask_webhooks(client)
    with (
        database_errors("keeping the state of webhooks"),
        database.connect(DatabaseRole.TRANSLATE, application="temple patreon webhooks") as connection,
    ):
        rows = json.dumps([each._asdict() for each in found], default=str)
        connection.execute(statement("patreon_webhooks_replace"), {"rows": rows})
    return found


def stored_webhooks(connection: psycopg.Connection[Any]) -> list[Webhook]:
    """As Patreon described them when it was last asked."""
    return [Webhook(*row) for row in connection.execute(statement("patreon_webhooks"))]


def _webhooks(document: Document, now: datetime) -> list[Webhook]:
    """Each once."""
    rows = [each for each in document.rows if isinstance(each, dict) and each.get("id") is not None]
    found = [_webhook(each, now) for each in rows]
    return list({each.webhook_id: each for each in found}.values())


def _webhook(resource: dict[str, Any], now: datetime) -> Webhook:
    found = resource.get("attributes")
    attributes: dict[str, Any] = found if isinstance(found, dict) else {}
    failures = attributes.get("num_consecutive_times_failed")
    uri, triggers = attributes.get("uri"), attributes.get("triggers")
    return Webhook(
        webhook_id=str(resource["id"])[:60],
        uri=uri if isinstance(uri, str) else None,
        # a boolean, and in the documentation's own examples a string
        paused=attributes.get("paused") in (True, "true"),
        failures=min(max(failures, 0), MOST_FAILURES) if type(failures) is int else 0,
        last_attempted_at=_instant(attributes.get("last_attempted_at")),
        triggers=[each for each in triggers if isinstance(each, str)] if isinstance(triggers, list) else [],
        read_at=now,
    )


def _instant(value: object) -> datetime | None:
    try:
        return parse_instant(value)
    except InvalidEvent:
        return None
