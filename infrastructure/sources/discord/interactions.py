"""What somebody asks the bot: who may is answered, and nobody else sees it. Nothing of it is stored."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import structlog

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.ingestion.inbox.failure import describe_failure
from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses, DiscordUnavailable
from temple_ledger.infrastructure.sources.discord.markdown import escaped
from temple_ledger.infrastructure.sources.discord.rest import InteractionsRest
from temple_ledger.infrastructure.sources.discord.slash_command import (
    QUESTION,
    Interaction,
    SlashQuestion,
    interaction_of,
)

AT_ONCE: Final = 2
MOST_WAITING: Final = 20
SOON_SECONDS: Final = 1.5
"""Discord waits for three; after this time it is told that the answer comes later."""

MESSAGE, DEFERRED = 4, 5
"""Types of answers."""
EPHEMERAL: Final = 1 << 6
SUPPRESS_EMBEDS: Final = 1 << 2

NOT_ALLOWED: Final = "You may not ask the ledger here."
NOT_SET_UP: Final = "Nobody may ask the ledger yet: whoever runs it sets TEMPLE_DISCORD_ASK\\_ROLES."
NOT_KNOWN: Final = "This listener does not know that question; run temple discord setup --commands once more."
BUSY: Final = "Many are asking at the moment. Try again soon."
FAILED: Final = "That could not be answered; the log of the listener has the reason."

log = structlog.get_logger("temple.discord")


class Interactions:
    """*answer* is called in a thread; *see* is given the accounts that Discord sends with a question."""

    def __init__(
        self,
        rest: InteractionsRest,
        guild: str,
        askers: Collection[str],
        answer: Callable[[SlashQuestion], str],
        *,
        see: Callable[[Iterable[object]], None] = lambda _: None,
        soon_seconds: float = SOON_SECONDS,
    ) -> None:
        self._rest = rest
        self._guild = guild
        self._askers = frozenset(askers)
        self._answer = answer
        self._see = see
        self._soon_seconds = soon_seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_once = asyncio.Semaphore(AT_ONCE)

    def receive(self, data: Mapping[str, Any]) -> None:
        """In the loop; returns at once."""
        found = interaction_of(data)
        if found is None:
            if data.get("type") == QUESTION:
                log.warning("a question was not as Discord documents it, and is not answered")
            return
        task = asyncio.get_running_loop().create_task(self._handle(found))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self) -> Sequence[asyncio.Task[None]]:
        """Those that are still being answered."""
        return list(self._tasks)

    async def _handle(self, asked: Interaction) -> None:
        try:
            refusal = self._refusal(asked)
            if refusal is not None or asked.question is None:
                await self._rest.answer_interaction(asked.id, asked.token, _message(refusal or NOT_KNOWN))
                return
            self._see(asked.users)
            await self._answered(asked, asked.question)
        except (DiscordUnavailable, DiscordRefuses) as error:
            # without what was asked: it may hold a name
            log.warning("a question was not answered", reason=str(error))
        except Exception as error:  # noqa: BLE001 -- listening goes on, and the log has where it failed
            log.error("a question was not answered", failure=describe_failure(error))

    def _refusal(self, asked: Interaction) -> str | None:
        if not self._askers:
            return NOT_SET_UP
        if asked.guild != self._guild or self._askers.isdisjoint({*asked.roles, asked.guild}):
            return NOT_ALLOWED
        return BUSY if len(self._tasks) > MOST_WAITING else None

    async def _answered(self, asked: Interaction, question: SlashQuestion) -> None:
        """At once where that is possible; else Discord is told to wait."""
        working = asyncio.create_task(self._text(question))
        try:
            done, _ = await asyncio.wait([working], timeout=self._soon_seconds)
            if done:
                await self._rest.answer_interaction(asked.id, asked.token, _message(working.result()))
                return
            deferred = {"type": DEFERRED, "data": {"flags": EPHEMERAL}}
            await self._rest.answer_interaction(asked.id, asked.token, deferred)
            await self._rest.edit_answer(asked.application, asked.token, _content(await working))
        finally:
            working.cancel()

    async def _text(self, question: SlashQuestion) -> str:
        async with self._at_once:
            try:
                return await asyncio.to_thread(self._answer, question)
            except LedgerError as error:
                return escaped(f"{str(error)[:1].upper()}{str(error)[1:]}.", 500)
            except Exception as error:  # noqa: BLE001 -- whoever asked gets a sentence, and listening goes on
                log.error("a question failed", question=question.kind, failure=describe_failure(error))
                return FAILED


def _message(text: str) -> Mapping[str, Any]:
    return {"type": MESSAGE, "data": {**_content(text), "flags": EPHEMERAL | SUPPRESS_EMBEDS}}


def _content(text: str) -> Mapping[str, Any]:
    """It mentions nobody: names in it notify no one."""
    return {"content": text, "allowed_mentions": {"parse": []}}
