"""Deliveries of Patreon's into a ledger, as if received, and the events that come of them."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
from temple_ledger.infrastructure.sources.patreon.translator import PatreonTranslator, asked_details
from tests.patreon.bodies import START, encoded, member_document


class Told(NamedTuple):
    """An event of the log, as far as it matters here."""

    user_id: str
    action: str
    tier: str | None


class Feed:
    """Its clock goes on by a second with each delivery."""

    def __init__(self, database: Database, *, asks: bool = False) -> None:
        self.database = database
        self.now = START
        self._worker = TranslationWorker(database, PatreonTranslator(asks=asks), clock=lambda: self.now)

    def close(self) -> None:
        self._worker.close()

    def later(self, **units: float) -> None:
        self.now += timedelta(**units)

    def hears(self, trigger: str, document: Mapping[str, Any] | bytes, **details: str) -> None:
        """Received, kept, translated; the trigger without `members:`, unless it is about something else."""
        self.keeps(trigger, document, **details)
        self.translates()

    def keeps(self, trigger: str, document: Mapping[str, Any] | bytes, **details: str) -> None:
        self.later(seconds=1)
        kind = trigger if trigger.partition(":")[0] in ("posts", "pledges", "members") else f"members:{trigger}"
        body = document if isinstance(document, bytes) else encoded(document)
        digest = digest_of(kind.encode(), body + json.dumps(details).encode() if details else body)
        delivery = Delivery("patreon", kind, body, digest, self.now, "main", details)
        with self.database.connect(DatabaseRole.TRANSLATE) as connection, connection.transaction():
            store(connection, [delivery])

    def translates(self) -> None:
        while not self._worker.step().drained:
            pass

    def update(self, *tiers: tuple[str, str, int], **said: Any) -> None:
        self.hears("update", member_document(*tiers, **said))

    def answers(self, *tiers: tuple[str, str, int], ago: float = 0, **said: Any) -> None:
        """Patreon's answer to what was asked *ago* minutes before."""
        document = member_document(*tiers, **said)
        asked_at = self.now - timedelta(minutes=ago)
        self.hears("read", document, **asked_details(asked_at, document["data"]["id"]))

    def told(self) -> list[Told]:
        """All that the log says, in its order."""
        with self.database.connect(DatabaseRole.READ) as connection:
            rows = connection.execute("select user_id, action, target from webhook_audit_log order by id")
            return [Told(*row) for row in rows]

    def metadata(self) -> list[dict[str, Any]]:
        with self.database.connect(DatabaseRole.READ) as connection:
            return [row[0] for row in connection.execute("select metadata from webhook_audit_log order by id")]

    def times(self) -> list[datetime]:
        with self.database.connect(DatabaseRole.READ) as connection:
            return [row[0] for row in connection.execute("select timestamp from webhook_audit_log order by id")]

    def outcomes(self) -> list[tuple[str, str | None]]:
        """State and note of each delivery."""
        with self.database.connect(DatabaseRole.READ) as connection:
            return [(row[0], row[1]) for row in connection.execute("select state, note from inbox order by id")]

    def then_told(self, expected: Sequence[tuple[str, str, str | None]]) -> None:
        assert self.told() == [Told(*each) for each in expected]
