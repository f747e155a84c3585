"""The SQL canon: functions and the trigger's body, for whoever has psql alone; kept at the text of this code."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg

from temple_ledger.domain.errors import Refused
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
    """Within a transaction of temple_owner; False when there was nothing to do.

    Raises Refused where the trigger would go on from rows of another version.
    """
    if is_installed(connection):
        return False
    checkpoint = connection.execute(statement("checkpoint_lock"), members.key.parameters).fetchone()
    if checkpoint is not None:
        version, state = checkpoint[0], checkpoint[5]
        if state == ProjectionState.TRIGGER and version != members.version:
            raise Refused(
                f"the trigger maintains rows of version {version}, this code has version {members.version} of their "
                "rules; with the version before, run: temple trigger disable; then migrate and replay"
            )
        if state == ProjectionState.TRIGGER:
            # nobody who appends is in the middle of a fold while its functions are replaced
            connection.execute(statement("trigger_hold_appenders"))
    connection.execute(text())
    connection.execute(statement("canon_installed"), {"checksum": checksum()})
    return True
