"""The audit log, read back over REST: who made the changes whose frames or entries did not arrive."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.in_thread import in_thread
from temple_ledger.infrastructure.database.retrying import RetryingConnection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.snapshots.apply import hold_translator
from temple_ledger.infrastructure.log.append import append_within
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.sources.discord.audit_log import attributions_of
from temple_ledger.infrastructure.sources.discord.change import SOURCE
from temple_ledger.infrastructure.sources.discord.frames import UnreadableFrame
from temple_ledger.infrastructure.sources.discord.model import Attribution
from temple_ledger.infrastructure.sources.discord.rest import AUDIT_PAGE, Rest
from temple_ledger.infrastructure.sources.discord.snowflake import drawn_at, first_of
from temple_ledger.infrastructure.sources.discord.translator import explain

Connection = psycopg.Connection[Any]

RETENTION: Final = timedelta(days=45)
"""How long Discord stores entries."""

FORGOTTEN: Final = RETENTION + timedelta(days=15)
OVERLAP: Final = timedelta(minutes=15)
"""Read again each time: an entry may show up later than a greater one."""

AHEAD: Final = timedelta(days=1)
"""Of our clock, as far as clocks may differ; an id that was drawn later than that was never given by Discord."""


class ReadBack(NamedTuple):
    """`entries` were read; those that were new may explain so many changes (`explains`), of which some
    were waiting for it (`events` appended). `unreadable` ones are not as Discord documents them."""

    entries: int
    explains: int
    events: int
    since: datetime
    unreadable: int = 0


def now() -> datetime:
    return datetime.now(UTC)


async def backfill(
    database: Database,
    rest: Rest,
    guild: str,
    *,
    notifier: Notifier | None = None,
    since: datetime | None = None,
    clock: Callable[[], datetime] = now,
) -> ReadBack:
    """Goes on after the last entry that was read, or at *since*; the first time, as far back as Discord has them.

    Raises DiscordUnavailable, DiscordRefuses and DatabaseUnavailable; what was read by then is stored.
    """
    with RetryingConnection(database, DatabaseRole.TRANSLATE, application="temple discord backfill") as patient:
        after = await in_thread(patient.run, "backfill", lambda connection: _start(connection, clock(), since))
        begun = drawn_at(after)
        total = ReadBack(0, 0, 0, begun)
        while page := await rest.audit_log(guild, after, AUDIT_PAGE):
            explained, events = await in_thread(
                patient.run,
                "backfill",
                lambda connection, page=page: _store_page(connection, page, clock()),
            )
            total = ReadBack(
                total.entries + len(page),
                total.explains + explained,
                total.events + events,
                begun,
                total.unreadable + sum(_attributions_of(entry) is None for entry in page),
            )
            if events and notifier is not None:
                notifier.notify()
            last = str(page[-1]["id"])
            if int(last) <= int(after):
                break
            after = last
    return total


def _start(connection: Connection, now: datetime, since: datetime | None) -> str:
    """The id to read on from. A mark that lies in the future says nothing: then it is as the first time."""
    connection.execute(statement("discord_attribution_forget"), {"before": now - FORGOTTEN})
    oldest = first_of(now - RETENTION)
    if since is not None:
        return max(first_of(since), oldest, key=int)
    row = connection.execute(statement("discord_read_back")).fetchone()
    if row is None or row[0] is None or not _may_be(row[0], now):
        return oldest
    return max(first_of(drawn_at(row[0]) - OVERLAP), oldest, key=int)


def _store_page(connection: Connection, page: Sequence[Mapping[str, Any]], now: datetime) -> tuple[int, int]:
    """In one transaction with the mark of how far we are, which no id from the future moves."""
    last = next((str(entry["id"]) for entry in reversed(page) if _may_be(str(entry["id"]), now)), None)
    attributions = [attribution for entry in page for attribution in _attributions_of(entry) or ()]
    with connection.transaction():
        hold_translator(connection, SOURCE)
        rows = connection.execute(
            statement("discord_entries_known"), {"entry_ids": [each.entry_id for each in attributions]}
        ).fetchall()
        stored = {row[0] for row in rows}
        outcomes = append_within(connection, explain(connection, attributions))
        if last is not None:
            connection.execute(statement("discord_read_back_keep"), {"entry_id": last})
    return sum(each.entry_id not in stored for each in attributions), len(outcomes)


def _may_be(entry_id: str, now: datetime) -> bool:
    return drawn_at(entry_id) <= now + AHEAD


def _attributions_of(entry: Mapping[str, Any]) -> Sequence[Attribution] | None:
    """None for an entry that is not as Discord documents it."""
    try:
        return attributions_of(entry)
    except UnreadableFrame:
        return None
