"""The listener: the gateway, the writer, translating and catching up, in one process until it is stopped."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

import psycopg
import structlog

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.in_thread import in_thread
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery
from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.names.book import NameBook
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.sources.discord import store as observed
from temple_ledger.infrastructure.sources.discord.backfill import now
from temple_ledger.infrastructure.sources.discord.catch_up import POLL_SECONDS, SETTLE_SECONDS, CaughtUp, catch_up
from temple_ledger.infrastructure.sources.discord.errors import (
    DiscordRefuses,
    DiscordUnavailable,
    NotInGuild,
    OtherGuild,
)
from temple_ledger.infrastructure.sources.discord.frame_buffer import FrameBuffer
from temple_ledger.infrastructure.sources.discord.frame_writer import FrameWriter
from temple_ledger.infrastructure.sources.discord.frames import frame_of
from temple_ledger.infrastructure.sources.discord.gate import GatedWorker
from temple_ledger.infrastructure.sources.discord.gateway import GatewayClient, connect
from temple_ledger.infrastructure.sources.discord.guild_state import (
    GuildState,
    sentence,
    state_after_delete,
    store_guild_state,
    store_refusal,
)
from temple_ledger.infrastructure.sources.discord.interactions import Interactions
from temple_ledger.infrastructure.sources.discord.member_roles import MemberRoles
from temple_ledger.infrastructure.sources.discord.names import SeeingRest, fetch_names, see_frame, see_users
from temple_ledger.infrastructure.sources.discord.rest import DiscordRest, Rest, sentences
from temple_ledger.infrastructure.sources.discord.slash_answers import SlashAnswers
from temple_ledger.infrastructure.sources.discord.slash_command import SlashQuestion
from temple_ledger.infrastructure.sources.discord.tasks import ended, unless
from temple_ledger.infrastructure.sources.discord.translator import DiscordTranslator
from temple_ledger.infrastructure.sources.discord.weekly import WeeklyMessage

FIRST_RETRY_SECONDS: Final = 30.0
LONGEST_RETRY_SECONDS: Final = 900.0
WATCH_SECONDS: Final = 0.25
BY: Final = "temple discord listen"

log = structlog.get_logger("temple.discord")

Result = TypeVar("Result")


@dataclass(frozen=True)
class Listened:
    """What a listener did until it was stopped."""

    frames: int
    lost: int


class Listener:
    """One session after the other, for one guild. *say* is told what is going on."""

    def __init__(
        self,
        database: Database,
        token: str,
        *,
        guild: str | None,
        say: Callable[[str], None],
        settle_seconds: float = SETTLE_SECONDS,
        frames: FrameBuffer | None = None,
        caught_up: Callable[[CaughtUp], None] = lambda _: None,
        clock: Callable[[], datetime] = now,
        names: NameBook | None = None,
        roles: MemberRoles | None = None,
        slash: SlashAnswers | None = None,
        askers: Collection[str] = (),
        weekly: WeeklyMessage | None = None,
    ) -> None:
        """*slash* answers questions of those who have one of the roles *askers*; without them nobody may ask."""
        self.names = NameBook() if names is None else names
        self.roles = MemberRoles() if roles is None else roles
        self._slash = slash
        self._weekly = weekly
        self._askers = frozenset(askers)
        self._database = database
        self._token = token
        self._guild = guild
        self._say = say
        self._settle_seconds = settle_seconds
        self._frames = FrameBuffer() if frames is None else frames
        self._caught_up = caught_up
        self._clock = clock
        self._stop: Callable[[], None] = lambda: None
        self._stopped = False
        self._closings = 0

    def stop(self) -> None:
        """Finish what is at hand, store what waits, and end. Safe in a signal handler, and from any thread."""
        self._stopped = True
        self._stop()

    @property
    def is_stopped(self) -> bool:
        """Whether somebody asked it to end."""
        return self._stopped

    def run(self) -> Listened:
        """Until it is stopped.

        Raises DiscordUnavailable before the first connection, DiscordRefuses, OtherGuild and DatabaseUnavailable.
        """
        with (
            Notifier(self._database) as notifier,
            TranslationWorker(self._database, DiscordTranslator(), notifier=notifier, clock=self._clock) as worker,
        ):
            gate = GatedWorker(worker)
            gate.start()
            try:
                return asyncio.run(self._listen(gate, worker, notifier))
            except NotInGuild:
                # of a guild that is gone, its state is stored
                raise
            except DiscordRefuses as error:
                store_refusal(self._database, str(error), self._clock())
                raise
            finally:
                gate.end()

    async def _listen(self, gate: GatedWorker, worker: TranslationWorker, notifier: Notifier) -> Listened:
        loop = asyncio.get_running_loop()
        begun, stop = asyncio.Event(), asyncio.Event()

        def from_outside(event: asyncio.Event) -> Callable[[], None]:
            def set_() -> None:
                with suppress(RuntimeError):  # the loop has ended by itself
                    loop.call_soon_threadsafe(event.set)

            return set_

        def begins(closings: int) -> None:
            self._closings = closings
            from_outside(begun)()

        self._stop = from_outside(stop)
        if self._stopped:
            stop.set()
        writer = FrameWriter(
            self._database,
            self._frames,
            before_begin=gate.close,
            begun=lambda: begins(gate.closings),
            stored=lambda _: worker.wake(),
        )
        writer.start()
        client = GatewayClient(self._receive, see=partial(see_frame, self.names), clock=self._clock)
        try:
            await self._until_stopped(client, gate, writer, notifier, begun, stop)
        finally:
            await client.close()
            await asyncio.to_thread(writer.finish)
            if writer.lost or self._frames.refused:
                log.error("frames lost", frames=writer.lost + self._frames.refused)
        return Listened(writer.count, writer.lost + self._frames.refused)

    def _receive(self, delivery: Delivery) -> None:
        """In the gateway's loop."""
        self._frames.put(delivery)
        if delivery.kind == "GUILD_DELETE" and (frame := frame_of(delivery.body)) is not None:
            guild = str(frame.data.get("id"))
            if guild == self._guild:
                self._say(sentence(state_after_delete(frame.data), guild))

    async def _until_stopped(
        self,
        client: GatewayClient,
        gate: GatedWorker,
        writer: FrameWriter,
        notifier: Notifier,
        begun: asyncio.Event,
        stop: asyncio.Event,
    ) -> None:
        with sentences("who the bot is"):
            await client.login(self._token)
        rest = DiscordRest(client)
        guild = self._guild = await guild_of(self._database, self._guild, rest)
        self._say(f"listening to guild {guild}")
        interactions = self._interactions(rest, guild)
        client.interact = interactions.receive
        tasks = [
            asyncio.create_task(connect(client)),
            asyncio.create_task(self._catch_up(SeeingRest(rest, self.names), guild, gate, writer, notifier, begun)),
            asyncio.create_task(fetch_names(rest, guild, self.names)),
            asyncio.create_task(self._watch(gate)),
            asyncio.create_task(stop.wait()),
            *([] if self._weekly is None else [asyncio.create_task(self._weekly.run(rest))]),
        ]
        try:
            with self.roles.answered_by(rest, guild):
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            # before the client is closed: only so does Discord see that the session is over
            await ended([*tasks, *interactions.end()])

    def _interactions(self, rest: DiscordRest, guild: str) -> Interactions:
        def answer(question: SlashQuestion) -> str:
            with snapshot(self._database) as connection:
                return "" if self._slash is None else self._slash.answer(connection, question)

        return Interactions(rest, guild, self._askers, answer, see=partial(see_users, self.names))

    async def _catch_up(
        self,
        rest: Rest,
        guild: str,
        gate: GatedWorker,
        writer: FrameWriter,
        notifier: Notifier,
        begun: asyncio.Event,
    ) -> None:
        """Once for each session, and again where it failed. Another session that begins meanwhile begins it anew: the
        gate is closed again then, so the one before could wait for ever."""
        while True:
            await begun.wait()
            pause = FIRST_RETRY_SECONDS
            while begun.is_set():
                begun.clear()
                closings = self._closings
                try:
                    done = await unless(
                        begun,
                        catch_up(
                            self._database,
                            rest,
                            guild,
                            open_gate=lambda closings=closings: gate.open(closings),  # type: ignore[misc]
                            stored=lambda: self._stored(writer),
                            by=BY,
                            notifier=notifier,
                            settle_seconds=self._settle_seconds,
                            clock=self._clock,
                        ),
                    )
                    if done is not None:
                        self._report(done)
                except (DiscordUnavailable, DiscordRefuses, DatabaseUnavailable) as error:
                    self._say(f"{error}; listening goes on, and what was missed is looked for again in {pause:.0f} s")
                    with suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(begun.wait(), pause)
                    begun.set()
                    pause = min(2 * pause, LONGEST_RETRY_SECONDS)

    async def _stored(self, writer: FrameWriter) -> None:
        """Until all that was received by now is stored, however slow the database is."""
        came = self._frames.came
        while writer.done < came:  # noqa: ASYNC110 -- it is a thread
            await asyncio.sleep(POLL_SECONDS)

    async def _watch(self, gate: GatedWorker) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if gate.failure is not None:
                raise _as_ours(gate.failure)
            if self._frames.full:
                raise DatabaseUnavailable(
                    f"{len(self._frames):,} frames wait for the database, and no more fit into memory: listening ends; "
                    "once it is back, start again: what was missed is looked for then"
                )

    def _report(self, done: CaughtUp) -> None:
        if done.refused is not None:
            self._say(f"{done.refused}; who changed what stays unknown until that is put right")
        if done.read_back is not None and done.read_back.explains:
            self._say(f"the audit log, read back, may explain {done.read_back.explains:,} changes more")
        if done.read_back is not None and done.read_back.unreadable:
            self._say(f"{done.read_back.unreadable:,} entries of the audit log cannot be read, and were left out")
        found = ", ".join(f"{number:,} {name}" for name, number in done.snapshot.differences.items())
        members = f"snapshot {done.snapshot.id}: {done.snapshot.members:,} members"
        self._say(f"{members}, {found}" if found else f"{members}, nothing was missed")
        if done.held is not None:
            by_hand = "" if done.held.flag is None else f" (temple discord snapshot --apply {done.held.flag})"
            self._say(f"not applied: {done.held}{by_hand}; listening goes on without it")
        elif done.applied is not None and done.applied.events:
            self._say(f"{done.applied.events:,} events appended")
        self._caught_up(done)


async def guild_of(database: Database, wanted: str | None, rest: Rest) -> str:
    """The guild of this ledger; the only one that the bot is in, where nothing says which.

    Raises OtherGuild, and NotInGuild, which `temple status` shows from then on.
    """

    def stored(work: Callable[[psycopg.Connection[Any]], Result]) -> Result:
        with (
            database_errors("looking for the guild"),
            database.connect(DatabaseRole.TRANSLATE, application="temple discord") as connection,
        ):
            return work(connection)

    ours = await in_thread(stored, lambda connection: observed.surroundings(connection).guild)
    guild = wanted or ours
    if guild is None:
        guilds = await rest.guilds()
        if len(guilds) != 1:
            raise DiscordRefuses(
                "the bot is in no guild yet: invite it first"
                if not guilds
                else "the bot is in more than one guild: say which by TEMPLE_DISCORD_GUILD"
            )
        guild = guilds[0]
    if ours is not None and ours != guild:
        raise OtherGuild(ours, guild)
    is_in = await rest.is_in(guild)
    if not is_in and ours is None:
        raise NotInGuild(f"the bot is not in guild {guild}: invite it, or set TEMPLE_DISCORD_GUILD to the one it is in")
    state: GuildState = "listed" if is_in else "removed"
    await in_thread(stored, lambda connection: store_guild_state(connection, state, now()))
    if not is_in:
        raise NotInGuild(sentence("removed", guild))
    ours = await in_thread(stored, lambda connection: observed.claim_guild(connection, guild, now()))
    if ours != guild:
        raise OtherGuild(ours, guild)
    return guild


def _as_ours(error: Exception) -> Any:
    if isinstance(error, LedgerError):
        return error
    return RuntimeError(f"translating ended: {type(error).__name__}")
