"""A replay that was killed between two lanes goes on by itself, where a runner leads its projection.

Somebody had looked at what would change, and had allowed it: no more than that is put in place. What is refused, or
ends early time after time, is left to a person; `temple status` names the command.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

import psycopg
import structlog

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.processes.child_environment import child_environment
from temple_ledger.infrastructure.processes.child_schedule import ChildSchedule, last_line
from temple_ledger.infrastructure.read_models.rebuild.ended_early import ended_early
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.projections.key import ProjectionKey

EVERY_SECONDS: Final = 20.0
TRIES: Final = 3
"""So often is one begun that does not come to its end."""

Leads = Callable[[], Sequence[ProjectionKey]]
Connect = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]

log = structlog.get_logger("temple.replay")


@contextmanager
def finishing_replays(session: Session, leads: Leads, connect: Connect | None = None) -> Iterator[None]:
    """While the block lasts; *leads* names the projections that are ours by then. Without *connect* each look is over a
    connection of its own."""
    connect = connect or reading(session.database)
    schedule = replay_schedule(EVERY_SECONDS, leads, connect, child_environment(session))
    schedule.begin()
    try:
        yield
    finally:
        schedule.end()


def reading(database: Database) -> Connect:
    return lambda: database.connect(DatabaseRole.READ, application="temple run")


def replay_schedule(
    every_seconds: float, leads: Leads, connect: Connect, environment: Mapping[str, str]
) -> ChildSchedule:
    unfinished = UnfinishedReplays(leads, connect)
    return ChildSchedule("replay", every_seconds, unfinished.due, environment, unfinished.report)


class UnfinishedReplays:
    """Which one is to go on, and how that ended."""

    def __init__(self, leads: Leads, connect: Connect) -> None:
        self._leads = leads
        self._connect = connect
        self._tries: Counter[ProjectionKey] = Counter()
        self._going: ProjectionKey | None = None

    def due(self) -> Sequence[str]:
        """What goes on with the first of them; nothing where there is none."""
        ours = set(self._leads())
        if not ours:
            return []
        try:
            with self._connect() as connection:
                left = ended_early(connection)
        except (DatabaseUnavailable, psycopg.OperationalError):
            # the runner itself says so
            return []
        found = [each for each in left if each.key in ours and self._tries[each.key] < TRIES]
        if not found:
            return []
        self._going = found[0].key
        self._tries[self._going] += 1
        log.warning("going on with a replay that was ended early", projection=str(self._going), lanes=found[0].lanes)
        return ["replay", "--go-on", "--", str(self._going)]

    def report(self, code: int, stdout: str, stderr: str) -> None:
        going = self._going
        if going is None:
            return
        if code == ExitCode.OK:
            del self._tries[going]
            log.info("the replay is in place", projection=str(going))
            return
        if code in (ExitCode.FAILED, ExitCode.FOUND, ExitCode.REFUSED):
            # asked again, it would answer the same
            self._tries[going] = TRIES
        log.error("the replay did not come to its end", projection=str(going), exit_code=code, reason=last_line(stderr))
