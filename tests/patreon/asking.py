"""Patreon as it is asked by a feed's ledger, at the feed's time."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.ingestion.snapshots.apply import AppliedSnapshot, apply_snapshot
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import all_findings, rows_of
from temple_ledger.infrastructure.sources.patreon.client import PatreonClient
from temple_ledger.infrastructure.sources.patreon.recheck import WebhookCheck, recheck, recheck_connection
from temple_ledger.infrastructure.sources.patreon.snapshot import PatreonSettling, take_snapshot
from tests.fakes.patreon import CAMPAIGN, FakePatreon
from tests.patreon.feed import Feed


class _Token:
    async def token(self) -> str:
        return "first"

    async def instead_of(self, refused: str) -> str | None:
        return None


class Source:
    """Patreon as it is asked by a feed's ledger, at the feed's time."""

    def __init__(self, feed: Feed, patreon: FakePatreon) -> None:
        self.feed = feed
        self.patreon = patreon

    def _now(self) -> datetime:
        self.feed.later(seconds=1)
        return self.feed.now

    def takes(self, *, whole: bool = True) -> UUID:
        async def run() -> UUID:
            async with self._client() as client:
                return await take_snapshot(self.feed.database, client, [CAMPAIGN], whole=whole, clock=self._now)

        return asyncio.run(run())

    def applies(self, snapshot_id: UUID, *, confirmed: bool = True) -> AppliedSnapshot:
        return apply_snapshot(
            self.feed.database,
            PatreonSettling(),
            snapshot_id,
            by="a test",
            confirmed=confirmed,
            partial=True,
            chunk=3,
            catalogue=CATALOGUE,
        )

    def reconciles(self) -> list[dict[str, Any]]:
        """Takes one and applies it; what it found."""
        snapshot_id = self.takes()
        self.applies(snapshot_id)
        return self.found(snapshot_id)

    def found(self, snapshot_id: UUID) -> list[dict[str, Any]]:
        with self.feed.database.connect(DatabaseRole.READ) as connection:
            return rows_of(list(all_findings(connection, snapshot_id, catalogue=CATALOGUE)))

    def looks_again(self, asked: dict[str, datetime] | None = None) -> int:
        async def run() -> int:
            async with self._client() as client:
                with recheck_connection(self.feed.database) as connection:
                    return await recheck(connection, client, {} if asked is None else asked)

        return asyncio.run(run())

    def watches(self, *, minutes: Sequence[float]) -> list[int]:
        """How many webhooks were found in trouble, so many minutes later each time."""

        async def run() -> list[int]:
            async with self._client() as client:
                watching = WebhookCheck(self.feed.database, client)
                found = []
                for each in minutes:
                    self.feed.later(minutes=each)
                    found.append(await watching.step())
                return found

        return asyncio.run(run())

    def _client(self) -> PatreonClient:
        return PatreonClient(_Token(), url=self.patreon.url, clock=self._now)
