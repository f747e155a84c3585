"""The listener beside everything else that `temple up` runs, in a thread of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import structlog

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.ingestion.inbox.failure import describe_failure
from temple_ledger.infrastructure.names.book import NameBook
from temple_ledger.infrastructure.names.roles import answer_roles
from temple_ledger.infrastructure.names.server import serving_names
from temple_ledger.infrastructure.sources.discord.asking import slash_answers, weekly_message
from temple_ledger.infrastructure.sources.discord.listener import (
    FIRST_RETRY_SECONDS,
    LONGEST_RETRY_SECONDS,
    Listener,
)
from temple_ledger.infrastructure.sources.discord.member_roles import MemberRoles
from temple_ledger.infrastructure.sources.discord.one_listener import the_only_listener
from temple_ledger.infrastructure.sources.discord.rest import pointed_at
from temple_ledger.infrastructure.sources.discord.settings import DiscordSettings, role_ids
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.text import plural

END_SECONDS: Final = 30.0
"""For what waits in memory to be stored, and what is at hand to be ended."""

log = structlog.get_logger("temple.discord")


@contextmanager
def listening(session: Session) -> Iterator[None]:
    """Listens while the block lasts. A listener that ends by itself logs why, and starts again after a while.

    Raises AlreadyRunning where another process listens for this ledger. Where one takes over later, this one listens
    again when that one has ended.
    """
    running = _Listening(session)
    thread = threading.Thread(target=running.run, name="listen to discord", daemon=True)
    with (
        the_only_listener(session.database, running.pause, running.resume),
        serving_names(session.settings.home, running.names, partial(answer_roles, running.roles.of)),
    ):
        thread.start()
        try:
            yield
        finally:
            running.stop()
            thread.join(END_SECONDS)


class _Listening:
    def __init__(self, session: Session) -> None:
        self.names = NameBook()
        self.roles = MemberRoles()
        self._session = session
        self._settings = session.settings.of(DiscordSettings)
        self._stopped = threading.Event()
        self._due = threading.Event()
        """Not set while another process listens."""
        self._due.set()
        self._listener: Listener | None = None
        self._swapping = threading.Lock()

    def stop(self) -> None:
        with self._swapping:
            self._stopped.set()
            self._due.set()
            self._end_listener()

    def pause(self, sentence: str) -> None:
        """Another process has taken over."""
        log.error("not listening to Discord until the other process ends", reason=sentence)
        with self._swapping:
            if not self._stopped.is_set():
                self._due.clear()
                self._end_listener()

    def resume(self) -> None:
        log.warning("listening to Discord again: the other process has ended")
        self._due.set()

    def _end_listener(self) -> None:
        if self._listener is not None:
            self._listener.stop()

    def run(self) -> None:
        pause = FIRST_RETRY_SECONDS
        with pointed_at(self._settings.discord_api_url, self._settings.discord_gateway_url):
            while (listener := self._next()) is not None:
                reason = self._listen(listener)
                if not listener.is_stopped:
                    log.error("not listening to Discord", reason=reason, again_in_seconds=pause)
                    self._stopped.wait(pause)
                    pause = min(2 * pause, LONGEST_RETRY_SECONDS)

    def _next(self) -> Listener | None:
        """None when it is to end."""
        while True:
            self._due.wait()
            with self._swapping:
                if self._stopped.is_set() or self._settings.discord_token is None:
                    return None
                if self._due.is_set():
                    self._listener = self._made(self._settings.discord_token.get_secret_value())
                    return self._listener

    def _made(self, token: str) -> Listener:
        return Listener(
            self._session.database,
            token,
            guild=self._settings.discord_guild,
            say=self._session.note,
            names=self.names,
            roles=self.roles,
            slash=slash_answers(self._session, self.names),
            askers=role_ids(self._settings.discord_ask_roles),
            weekly=weekly_message(self._session),
        )

    def _listen(self, listener: Listener) -> str:
        """Why it ended."""
        try:
            listened = listener.run()
        except LedgerError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 -- what was missed is looked for when it listens again
            return f"the listener of Discord failed ({describe_failure(error)})"
        if listened.lost:
            return f"{plural(listened.lost, 'frame')} of Discord could not be stored"
        return "the listener of Discord ended"
