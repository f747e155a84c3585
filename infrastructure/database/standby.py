"""A standby of the ledger: a copy that PostgreSQL feeds itself, for those who only read."""

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError, Refused
from temple_ledger.domain.words import span
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.statements import statement

IDENTIFY_SECONDS: Final = 2
"""For the primary to answer whether the standby is its own. One that is down holds up no reader for longer."""
APPLICATION: Final = "temple read"

Connection = psycopg.Connection[Any]


class StandbyDelay(NamedTuple):
    """`seconds` behind its primary; None where it is not known. Not `connected`: the copy stands still."""

    connected: bool
    seconds: float | None

    @property
    def sentence(self) -> str:
        """It goes on after "a standby, "."""
        if not self.connected:
            last = "" if self.seconds is None else f"; its last commit is {span(self.seconds)} old"
            return f"not connected to its primary{last}"
        if self.seconds is None:
            return "not known how far behind its primary"
        return f"{self.seconds:.1f} s behind its primary"


def is_standby(connection: Connection) -> bool:
    row = connection.execute(statement("is_standby")).fetchone()
    return row == (True,)


def standby_delay(connection: Connection) -> StandbyDelay | None:
    """None of a server that is no standby."""
    if not is_standby(connection):
        return None
    row = connection.execute(statement("standby_delay")).fetchone()
    return StandbyDelay(*row) if row is not None else StandbyDelay(False, None)


@dataclass
class Replica:
    """Sees to it, once, that what is read is the ledger of *primary*; None where only the standby is known."""

    primary: Database | None
    name: str
    role: DatabaseRole = DatabaseRole.READ
    """As whom the primary is asked."""
    setting: str = "TEMPLE_READ_URL"
    remark: str | None = None
    """What could not be made sure of, in a sentence."""
    _identified: bool = False

    def admit(self, connection: Connection) -> None:
        """Raises Refused for the replica of another ledger, and for a server that went its own way."""
        if self._identified:
            return
        there = _identity(connection)
        if self.primary is not None:
            self._compare(there, self.primary)
        elif not there.standby:
            self.remark = f"{self.name} is no standby: it takes writes"
        self._identified = True

    def _compare(self, there: "_Identity", primary: Database) -> None:
        try:
            here = self._identity_of(primary)
        except LedgerError as error:
            self.remark = f"whether {self.name} is a standby of this ledger was not checked: {error}"
            return
        if (there.system, there.database) != (here.system, here.database):
            raise Refused(
                f"{self.name} is no standby of {primary.name}: it is a replica of another ledger, or a copy that was "
                "restored; point {self.setting} at a standby of this one"
            )
        if not there.standby and there.started_at != here.started_at:
            raise Refused(
                f"{self.name} takes writes, and is another server than {primary.name}: it was promoted, and the two "
                "have parted since; decide which of them is the ledger, and point both settings at it"
            )

    def _identity_of(self, primary: Database) -> "_Identity":
        quick = replace(primary, connect_seconds=IDENTIFY_SECONDS)
        with (
            quick.connect(self.role, application=APPLICATION) as connection,
            database_errors("asking the primary which it is"),
        ):
            return _identity(connection)


class _Identity(NamedTuple):
    system: str
    database: int
    started_at: Any
    standby: bool


def _identity(connection: Connection) -> _Identity:
    row = connection.execute(statement("server_identity")).fetchone()
    if row is None:
        raise DatabaseUnavailable("the server did not answer which one it is; try again")
    return _Identity(*row)
