"""A message to a channel each Monday: what happened within a week, and what waits for a person. It has no names."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Protocol

import structlog

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.in_thread import in_thread
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.queries.from_sources import FromSources
from temple_ledger.infrastructure.queries.source_page import CellKind
from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses, DiscordUnavailable
from temple_ledger.infrastructure.sources.discord.markdown import escaped, instant, message

HOUR: Final = time(9, tzinfo=UTC)
LOOK_SECONDS: Final = 60.0
REST_SECONDS: Final = 900.0
"""After Discord or the database did not answer."""
WEEK: Final = timedelta(days=7)

log = structlog.get_logger("temple.discord")


class ChannelRest(Protocol):
    async def send(self, channel: str, body: Mapping[str, Any]) -> None:
        """Raises DiscordUnavailable and DiscordRefuses."""
        ...


def due_on(now: datetime) -> date:
    """The Monday whose message is the newest that should have been sent."""
    monday = (now - timedelta(hours=HOUR.hour)).date()
    return monday - timedelta(days=monday.weekday())


def weekly_text(connection: Connection, sources: FromSources, upto: datetime, console: str | None) -> str:
    since = upto - WEEK
    asked = {"since": since, "upto": upto}
    found = dict(connection.execute(statement("discord_week"), asked).fetchall())
    parked = connection.execute(statement("discord_week_parked")).fetchone()
    lines = [
        f"**The ledger, {instant(since)} to {instant(upto)}**",
        f"• {found.get('discord_join', 0):,} joined, {found.get('discord_leave', 0):,} left",
        f"• {plural(found.get('added', 0), 'role')} given, {found.get('removed', 0):,} removed",
    ]
    if parked is not None and parked[0]:
        lines.append(f"• ⚠ {plural(parked[0], 'member is', 'members are')} parked: an event could not be folded")
    lines += [
        f"• {escaped(page.title)}, {escaped(table.title)}: {len(table.rows):,}"
        for page in sources.pages(connection)
        for table in page.tables
        if any(column.kind is CellKind.PERSON for column in table.columns)
    ]
    return message([*lines, *([] if console is None else [f"<{console}>"])], "…")


class WeeklyMessage:
    """Sent once a week, late rather than not at all; a listener that dies between sending and noting it, within the
    minutes in which Discord knows the nonce again, sends it once all the same."""

    def __init__(
        self,
        database: Database,
        channel: str,
        sources: FromSources,
        *,
        console: str | None,
        clock: Callable[[], datetime],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._database = database
        self._channel = channel
        self._sources = sources
        self._console = console
        self._clock = clock
        self._look_seconds = look_seconds

    async def run(self, rest: ChannelRest) -> None:
        """For ever."""
        while True:
            try:
                await self.send_if_due(rest)
                await asyncio.sleep(self._look_seconds)
            except (DiscordUnavailable, DiscordRefuses, DatabaseUnavailable) as error:
                log.warning("the weekly message waits", reason=str(error), again_in_seconds=REST_SECONDS)
                await asyncio.sleep(REST_SECONDS)

    async def send_if_due(self, rest: ChannelRest) -> bool:
        """Whether it was. The first one comes on the Monday after the channel was set."""
        monday = due_on(self._clock())
        sent = await in_thread(self._begun, monday)
        if sent >= monday:
            return False
        text = await in_thread(self._text, datetime.combine(monday, HOUR))
        body = {
            "content": text,
            "nonce": f"week-{monday.isoformat()}",
            "enforce_nonce": True,
            "allowed_mentions": {"parse": []},
        }
        await rest.send(self._channel, body)
        await in_thread(self._note, monday)
        return True

    def _text(self, upto: datetime) -> str:
        with snapshot(self._database) as connection:
            return weekly_text(connection, self._sources, upto, self._console)

    def _begun(self, monday: date) -> date:
        """The Monday of the last one; where there was none, the weeks count from now on."""
        with database_errors("looking for the weekly message"), self._noting() as connection:
            row = connection.execute(statement("discord_week_begun"), {"monday": monday}).fetchone()
        return monday if row is None else row[0]

    def _note(self, monday: date) -> None:
        with database_errors("noting the weekly message"), self._noting() as connection:
            connection.execute(statement("discord_week_sent"), {"monday": monday})

    def _noting(self) -> Any:
        return self._database.connect(DatabaseRole.TRANSLATE, application="temple discord")
