"""Reading the ledger for an erasure: as the owner, a short statement at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.session_settings import set_for_session
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.erasure.person import Connection

SEARCHED_AT_A_TIME: Final = 20_000
LOCK_MILLISECONDS: Final = 2_000
IDLE_MILLISECONDS: Final = 8_000


@contextmanager
def as_owner(database: Database) -> Iterator[Connection]:
    with database.connect(DatabaseRole.OWNER, application="temple erase") as connection:
        set_for_session(connection, "lock_timeout", f"{LOCK_MILLISECONDS}ms")
        # one that froze lets go of the checkpoints
        set_for_session(connection, "idle_in_transaction_session_timeout", f"{IDLE_MILLISECONDS}ms")
        yield connection


def search(connection: Connection, name: str, upto: int, *, after: int = 0, **values: Any) -> Iterator[list[int]]:
    """Positions in (after, upto], a page at a time; each page is a short statement of its own."""
    while after < upto:
        end = min(upto, after + SEARCHED_AT_A_TIME)
        rows = connection.execute(statement(name), {**values, "after": after, "upto": end}).fetchall()
        yield [position for (position,) in rows]
        after = end


def number(connection: Connection, name: str, **values: Any) -> int:
    row = connection.execute(statement(name), values).fetchone()
    return int(row[0]) if row is not None else 0
