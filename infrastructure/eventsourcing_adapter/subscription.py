"""What the library iterates over: every event once, in the order of positions, as soon as it is settled."""

import time
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

import psycopg
from eventsourcing.persistence import ApplicationRecorder, ListenNotifySubscription, ShutDown

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, passes
from temple_ledger.infrastructure.eventsourcing_adapter.errors import library_errors
from temple_ledger.infrastructure.eventsourcing_adapter.notifications import notifications
from temple_ledger.infrastructure.log.reader import PAGE, GapReader
from temple_ledger.infrastructure.log.safety import require_safe_log
from temple_ledger.infrastructure.log.wakeup import Wakeup

IDLE_POLL_SECONDS: Final = 0.2
"""The safety net: wake-ups may be lost."""
BLOCKED_POLL_SECONDS: Final = 0.02
PATIENCE_SECONDS: Final = 60.0
"""How long the database may be away before the subscription ends with an error."""
PAUSE_SECONDS: Final = 0.5


class LogSubscription(ListenNotifySubscription[ApplicationRecorder]):
    """With a connection and a gap reader of its own: it waits for nobody but those who may fill its gaps."""

    def __init__(
        self, recorder: ApplicationRecorder, database: Database, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        self._database = database
        self._wakeup = Wakeup(database, application="temple library")
        self._ending = Lock()
        self._ended = False
        # starts the thread that runs _loop_on_pull
        super().__init__(recorder=recorder, gt=gt, topics=topics)

    def stop(self) -> None:
        super().stop()
        with self._ending:
            if not self._ended:
                self._wakeup.wake()

    def _loop_on_pull(self) -> None:
        try:
            with library_errors():
                self._follow(Position(self._last_notification_id or START))
        except ShutDown:
            pass
        except BaseException as error:  # noqa: BLE001  raised by __next__, in the consumer's thread
            if not self._has_been_stopped:
                self._thread_error = error
                self.stop()
        finally:
            with self._ending:
                self._ended = True
                self._wakeup.close()

    def _follow(self, position: Position) -> None:
        """Connects again while that may help, and goes on where it was."""
        away_since: float | None = None
        while not self._has_been_stopped:
            try:
                with self._database.connect(DatabaseRole.READ, application="temple library") as connection:
                    require_safe_log(connection)
                    reader = GapReader(connection)
                    while not self._has_been_stopped:
                        position = self._pass_on(connection, reader, position)
                        away_since = None
            except (psycopg.Error, DatabaseUnavailable) as error:
                away_since = away_since or time.monotonic()
                lasting = not isinstance(error, DatabaseUnavailable) and not passes(error)
                if lasting or time.monotonic() - away_since > PATIENCE_SECONDS:
                    raise
                self._wakeup.wait(PAUSE_SECONDS)

    def _pass_on(self, connection: psycopg.Connection[Any], reader: GapReader, position: Position) -> Position:
        """Queues what is settled, or waits for it; returns the position up to which everything is queued."""
        look = reader.look(position)
        if look.settled <= position:
            self._wakeup.wait(BLOCKED_POLL_SECONDS if look.blocked_by else IDLE_POLL_SECONDS)
            return position
        # a page at a time: where its topics are rare, one statement would walk the log while nobody could stop it
        upto = Position(min(look.settled, position + PAGE))
        found = notifications(connection, after=position, upto=upto, limit=self._select_limit, topics=self._topics)
        if found:
            # waits while the consumer is behind; ShutDown when it has stopped
            self._notifications_queue.put(found)
        return Position(found[-1].id) if len(found) == self._select_limit else upto
