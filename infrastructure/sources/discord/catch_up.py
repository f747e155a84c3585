"""What is done when a session begins, so that nothing stays lost: the gateway is open, and frames are stored meanwhile.

The audit log is read back before any frame of the session is translated; then translating goes on, a snapshot is taken
beside it, and applied. Of a member with a frame since the snapshot began, the frame counts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from temple_ledger.domain.errors import HeldBack
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.in_thread import in_thread
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
from temple_ledger.infrastructure.ingestion.snapshots.apply import AppliedSnapshot
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import Snapshot, read_snapshot
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.sources.discord.backfill import ReadBack, backfill, now
from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses
from temple_ledger.infrastructure.sources.discord.rest import Rest
from temple_ledger.infrastructure.sources.discord.snapshot import apply_discord_snapshot, take_snapshot
from temple_ledger.infrastructure.sources.discord.translator import DiscordTranslator

SETTLE_SECONDS: Final = 5.0
"""Frames of changes that are in a snapshot already may still be on their way: they are waited for."""

POLL_SECONDS: Final = 0.05


class CaughtUp(NamedTuple):
    """`read_back` None: the audit log is not for us. `applied` None: the guard held the snapshot back, see `held`."""

    read_back: ReadBack | None
    snapshot: Snapshot
    applied: AppliedSnapshot | None
    held: HeldBack | None = None
    refused: str | None = None


async def catch_up(
    database: Database,
    rest: Rest,
    guild: str,
    *,
    open_gate: Callable[[], None],
    stored: Callable[[], Awaitable[None]],
    by: str,
    notifier: Notifier | None = None,
    settle_seconds: float = SETTLE_SECONDS,
    clock: Callable[[], datetime] = now,
) -> CaughtUp:
    """*stored* waits until all frames that were received by then are in the inbox.

    Raises DiscordUnavailable, DiscordRefuses (of all but the audit log) and DatabaseUnavailable.
    """
    read_back, refused = None, None
    try:
        read_back = await backfill(database, rest, guild, notifier=notifier, clock=clock)
    except DiscordRefuses as error:
        # who did it stays unknown; frames and snapshots show what happened all the same
        refused = str(error)
    except Exception:
        # not when it is cancelled: then nothing is translated before the entries are there
        open_gate()
        raise
    open_gate()
    await translated(database, stored)
    snapshot_id = await take_snapshot(database, rest, guild, clock=clock)
    snapshot = await in_thread(_read, database, snapshot_id)
    if snapshot.differences:
        await asyncio.sleep(settle_seconds)
        await translated(database, stored)
    try:
        applied = await in_thread(apply_discord_snapshot, database, snapshot_id, by=by, notifier=notifier)
    except HeldBack as held:
        return CaughtUp(read_back, snapshot, None, held, refused)
    return CaughtUp(read_back, snapshot, applied, None, refused)


async def translated(database: Database, stored: Callable[[], Awaitable[None]]) -> None:
    """Waits until all that was received by now is stored, and translated by whoever does it."""
    await stored()
    head = await in_thread(_head, database)
    while head and await in_thread(_waits, database, head):  # noqa: ASYNC110 -- another process may do it
        await asyncio.sleep(POLL_SECONDS)


def translate_all(database: Database, notifier: Notifier | None = None) -> None:
    """Where no listener does it. Raises DatabaseUnavailable."""
    with TranslationWorker(database, DiscordTranslator(), notifier=notifier) as worker:
        head = _head(database)
        while head and _waits(database, head):
            worker.step()


def _read(database: Database, snapshot_id: UUID) -> Snapshot:
    snapshot: Snapshot = _asked(database, lambda connection: read_snapshot(connection, snapshot_id))
    return snapshot


def _head(database: Database) -> int:
    row = _asked(database, lambda connection: connection.execute(statement("discord_inbox_head")).fetchone())
    return 0 if row is None else int(row[0])


def _waits(database: Database, upto: int) -> bool:
    found = _asked(
        database,
        lambda connection: connection.execute(statement("discord_inbox_waiting"), {"upto": upto}).fetchone(),
    )
    return bool(found == (True,))


def _asked(database: Database, ask: Callable[[psycopg.Connection[Any]], Any]) -> Any:
    with (
        database_errors("looking at the inbox"),
        database.connect(DatabaseRole.READ, application="temple discord") as connection,
    ):
        return ask(connection)
