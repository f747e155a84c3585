"""Where commands that only read ask: the standby of TEMPLE_READ_URL, or the ledger's own database."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import psycopg

from temple_ledger.domain.errors import DatabaseUnavailable
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.standby import Replica, standby_delay

STANDBY: Final = "the standby of TEMPLE_READ_URL"

Note = Callable[[str], None]


def reading_database(url: str | None, primary: Callable[[], Database], note: Note) -> Database:
    """With *url* the standby it names, made sure to be one of *primary*, where that answers; without, *primary* itself.

    The first connection notes how far a standby is behind. Raises DatabaseUnavailable.
    """
    if url is None:
        found = primary()
        return replace(found, check=Admission(None, note))
    try:
        known: Database | None = primary()
    except DatabaseUnavailable:
        # a machine of those who only read needs the standby alone
        known = None
    return Database(url, STANDBY, check=Admission(Replica(known, STANDBY), note))


class Admission:
    """What a connection has to pass before anybody reads."""

    def __init__(self, replica: Replica | None, note: Note) -> None:
        self._replica = replica
        self._note = note
        self._noted = False
        self.is_standby = False

    def __call__(self, connection: psycopg.Connection[Any]) -> None:
        if self._replica is not None:
            self._replica.admit(connection)
        if not self._noted:
            self._noted = True
            self._note_standby(connection)

    def _note_standby(self, connection: psycopg.Connection[Any]) -> None:
        delay = standby_delay(connection)
        self.is_standby = delay is not None
        if delay is not None:
            self._note(f"read from a standby, {delay.sentence}")
        if self._replica is not None and self._replica.remark is not None:
            self._note(self._replica.remark)
