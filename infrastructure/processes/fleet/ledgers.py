"""One ledger of a fleet, as everything below knows a ledger: a session with settings of its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import psycopg

from temple_ledger.domain.errors import LedgerError, Refused, RoleNotGranted, SchemaMismatch
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors, reason_of
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.processes.fleet.file import FleetLedger
from temple_ledger.infrastructure.processes.sources import installed_sources
from temple_ledger.infrastructure.terminal.session import Session

FOLDER: Final = "fleet"
AT_ONCE: Final = 8

Answer = TypeVar("Answer")


class LedgerSession(Session):
    """Of one ledger of the fleet: its database, a state directory below that of the process, and of the sources'
    settings its own alone. A secret in the environment of the process is no ledger's."""

    def __init__(self, process: Session, ledger: FleetLedger) -> None:
        self.ledger = ledger
        given = {
            "database_url": ledger.dsn,
            "read_url": None,
            "home": process.settings.home / FOLDER / ledger.name,
        }
        guild = {each.guild_setting: ledger.guild for each in installed_sources().sources if each.guild_setting}
        own = {**guild, **ledger.settings}
        super().__init__(process.flags, lambda _: process.settings.of_ledger(given, own))
        self.name = ledger.name

    @property
    def database_url_from(self) -> str:
        return f"ledger {self.name}"

    def note(self, text: str) -> None:
        super().note(f"{self.name}: {text}")


@dataclass(frozen=True)
class Asked(Generic[Answer]):
    """What one ledger answered, or why it did not."""

    session: LedgerSession
    answer: Answer | None = None
    error: LedgerError | None = None


def ask_each(
    sessions: Sequence[LedgerSession], ask: Callable[[LedgerSession], Answer], *, at_once: int = AT_ONCE
) -> Iterator[Asked[Answer]]:
    """In the order of the file, some at once; what one answers takes nothing from the others."""
    with ThreadPoolExecutor(at_once, thread_name_prefix="fleet") as pool:
        yield from pool.map(lambda session: _asked(session, ask), sessions)


def _asked(session: LedgerSession, ask: Callable[[LedgerSession], Answer]) -> Asked[Answer]:
    try:
        return Asked(session, ask(session))
    except LedgerError as error:
        return Asked(session, error=error)
    except psycopg.Error as error:
        return Asked(session, error=LedgerError(reason_of(error)))


def require_guild(database: Database, ledger: FleetLedger) -> None:
    """That the database is the ledger of the guild that the file has. Raises Refused, DatabaseUnavailable."""
    if ledger.guild is None:
        return
    try:
        with (
            database_errors("asking which guild it is"),
            database.connect(DatabaseRole.READ, application="temple fleet") as connection,
        ):
            found = guild_in(connection)
    except RoleNotGranted:
        raise
    except SchemaMismatch:
        raise SchemaMismatch(f"{database.name} has no tables yet; run: temple fleet migrate {ledger.name}") from None
    if found is not None and found != ledger.guild:
        raise Refused(f"the database is the ledger of guild {found}, and the file says {ledger.guild}; see its dsn")


def guild_in(connection: psycopg.Connection[Any]) -> str | None:
    """None where the ledger has none yet."""
    row = connection.execute(statement("fleet_guild")).fetchone()
    return None if row is None else row[0]
