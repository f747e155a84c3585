"""The SQL canon: functions and the trigger's body, for whoever has psql alone; kept at the text of this code."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.members import members


@cache
def text() -> bytes:
    """All of `sql/canon/`, in the order of its names, as one text that psql takes too."""
    found = [each for each in files("temple_ledger.sql").joinpath("canon").iterdir() if each.name.endswith(".sql")]
    return b"\n".join(each.read_bytes() for each in sorted(found, key=lambda each: each.name))


def checksum() -> str:
    return hashlib.sha256(text()).hexdigest()


def is_installed(connection: psycopg.Connection[Any]) -> bool:
    """Whether the database has exactly the text of this code."""
    row = connection.execute(statement("canon_checksum")).fetchone()
    return row is not None and row[0] == checksum()


def install(connection: psycopg.Connection[Any]) -> bool:
    """Within a transaction of temple_owner, where readers see the version of `members` that this code has; False when
    there was nothing to do."""
    if is_installed(connection):
        return False
    checkpoint = connection.execute(statement("checkpoint_lock"), members.key.parameters).fetchone()
    if checkpoint is not None and checkpoint[5] == ProjectionState.TRIGGER:
        # nobody who appends is in the middle of a fold while its functions are replaced
        connection.execute(statement("trigger_hold_appenders"))
    connection.execute(text())
    connection.execute(statement("canon_installed"), {"checksum": checksum()})
    return True
