"""A guild, the line to it and the ledger, for tests below the gateway; and what must be found in the log."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
from temple_ledger.infrastructure.ingestion.snapshots.apply import AppliedSnapshot
from temple_ledger.infrastructure.sources.discord.backfill import backfill
from temple_ledger.infrastructure.sources.discord.snapshot import apply_discord_snapshot, take_snapshot
from temple_ledger.infrastructure.sources.discord.translator import DiscordTranslator
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import Member, members
from tests.fakes.discord_guild import TrueGuild, TrueMember
from tests.fakes.discord_line import GuildRest, Line

FOLD = Fold(members, catalogue=CATALOGUE)
TABLES = (
    "inbox, inbox_source, translator, snapshot, snapshot_finding, ledger_guild, discord_member, discord_role, "
    "discord_attribution, discord_change, discord_session"
)
KINDS = {
    ("discord_join", "joined"): "join",
    ("discord_leave", "left"): "leave",
    ("discord_role_change", "added"): "add",
    ("discord_role_change", "removed"): "remove",
}


class Told(NamedTuple):
    """One event of the log, in the words of the guild's history."""

    user_id: str
    kind: str
    role: str
    at: datetime
    metadata: dict[str, Any]


def emptied(database: Database) -> None:
    """Everything but the log, which nobody empties: users of another example have other ids."""
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(f"truncate {TABLES}".encode())
        connection.execute(
            "update discord_feed set session = null, whole_since = null, last_received_at = null, read_back_to = null, "
            "removed_at = null, unavailable_since = null"
        )


class World:
    def __init__(self, database: Database, connection: psycopg.Connection[Any], guild: TrueGuild) -> None:
        self.database = database
        self.guild = guild
        self.line = Line(connection, guild)
        self.rest = GuildRest(guild)
        self._connection = connection
        self._worker = TranslationWorker(database, DiscordTranslator(), clock=lambda: guild.now, batch=7)

    def close(self) -> None:
        self._worker.close()

    def step(self) -> None:
        self._worker.step()

    def drain(self) -> None:
        while (stepped := self._worker.step()).deliveries or stepped.events or not stepped.drained:
            assert not stepped.failed, self.notes()
            assert not stepped.conflicts, self.notes()

    def notes(self) -> list[Any]:
        return self._connection.execute("select id, kind, state, note from inbox where note is not null").fetchall()

    def read_back(self) -> None:
        asyncio.run(backfill(self.database, self.rest, self.guild.id, clock=lambda: self.guild.now))

    def snapshot(self) -> UUID:
        return asyncio.run(take_snapshot(self.database, self.rest, self.guild.id, clock=lambda: self.guild.now))

    def apply(self, snapshot_id: UUID) -> AppliedSnapshot:
        self.drain()
        applied = apply_discord_snapshot(self.database, snapshot_id, by="a test", confirmed=True, chunk=2)
        assert not applied.conflicts
        return applied

    def catch_up(self, between: Callable[[], None] = lambda: None) -> AppliedSnapshot:
        """What the listener does when a session begins; *between*: what happens while it looks at the snapshot."""
        self.read_back()
        self.drain()
        snapshot_id = self.snapshot()
        between()
        return self.apply(snapshot_id)

    def told(self) -> list[Told]:
        """Without the later attributions, which tell nothing new."""
        return [each for each in self.events() if "attributes" not in each.metadata]

    def events(self) -> list[Told]:
        rows = self._connection.execute(
            "select user_id, event_type, action, coalesce(target, ''), timestamp, coalesce(metadata, '{}') "
            "from webhook_audit_log where user_id = any(%s) order by timestamp, id",
            (sorted({each.user_id for each in self.guild.history}),),
        )
        return [Told(row[0], KINDS[row[1], row[2]], row[3], row[4], row[5]) for row in rows]

    def folded(self, user_id: str) -> Member:
        rows = self._connection.execute(
            "select id, timestamp, event_type, user_id, action, target, metadata::text, source "
            "from webhook_audit_log where user_id = %s order by timestamp, id",
            (user_id,),
        ).fetchall()
        state: Member | None = FOLD.in_order(None, [Recorded(*row) for row in rows])
        return state or Member(status="departed")


def new_guild(number: int, roles: Sequence[str], now: datetime = datetime(2026, 3, 1, tzinfo=UTC)) -> TrueGuild:
    """Guilds of different numbers have no id in common."""
    guild = TrueGuild(now, first_id=(number % 4_000) * 1_000)
    guild.members[guild.bot] = TrueMember(now, stay=0)
    for name in roles:
        guild.create_role(name)
    return guild


def counted(told: Sequence[Any]) -> Counter[tuple[str, str, str]]:
    return Counter((each.user_id, each.kind, each.role) for each in told)
