"""What is asked of a ledger by whoever archives it: which one it is, what it was, who else is at it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.archive.manifest import Identity, Manifest, instant
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement

ENDING_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 0.05

Connection = psycopg.Connection[Any]


@contextmanager
def writing(database: Database, *, wait: bool = False) -> Iterator[Connection]:
    """While nobody else writes an archive of this ledger. Raises Refused where somebody does, but for who *waits*."""
    with database.connect(DatabaseRole.READ, application="temple archive") as connection:
        if wait:
            connection.execute(statement("archive_lock"))
        else:
            _lock(connection)
        yield connection
        connection.execute(statement("archive_unlock"))


def _lock(connection: Connection) -> None:
    """A connection that has just ended may hold it for a moment still. Raises Refused."""
    deadline = time.monotonic() + ENDING_SECONDS
    while not number(connection, "archive_try_lock"):
        if time.monotonic() >= deadline:
            raise Refused("an archive of this ledger is being written; wait for it, and try again")
        time.sleep(AGAIN_SECONDS)


@contextmanager
def one_moment(connection: Connection) -> Iterator[None]:
    """All that is asked in the block is of one moment."""
    with connection.transaction():
        connection.execute(statement("archive_one_moment"))
        yield


def identity(connection: Connection) -> Identity | None:
    """None where the log is empty."""
    row = connection.execute(statement("archive_first")).fetchone()
    return None if row is None else Identity(position=row[0], recorded_at=instant(row[1]))


def require_same_ledger(connection: Connection, manifest: Manifest, address: str) -> None:
    """That the log still is what the archive ends with. Raises Refused."""
    if identity(connection) != manifest.ledger:
        raise Refused(f"the archive in {address} is that of another ledger; give each ledger a place of its own")
    row = connection.execute(statement("archive_recorded_at"), {"upto": manifest.upto}).fetchone()
    if row is None or instant(row[1]) != manifest.last_recorded_at:
        raise Refused(
            f"the archive in {address} reaches position {manifest.upto:,}, and the log there is another one: it was "
            "restored to an earlier point; restore the archive (temple archive restore), or begin a new one elsewhere"
        )


def last_recorded_at(connection: Connection, upto: int) -> str:
    row = connection.execute(statement("archive_recorded_at"), {"upto": upto}).fetchone()
    return "" if row is None else instant(row[1])


def is_sealed(connection: Connection) -> bool:
    """Whether it has a seal."""
    return number(connection, "archive_sealed_position") > 0


def may_read_keys(connection: Connection) -> bool:
    return number(connection, "archive_may_read_keys") > 0


def last_seal(connection: Connection, upto: int) -> str | None:
    row = connection.execute(statement("archive_seal"), {"upto": upto}).fetchone()
    return None if row is None else f"{row[0]}:{row[1]}"


def is_on_chain(connection: Connection, seal: str) -> bool:
    number, _, expected = seal.partition(":")
    row = connection.execute(statement("archive_seal_hash"), {"number": int(number)}).fetchone()
    return row is not None and row[0] == expected


def digest(connection: Connection, after: int, upto: int) -> tuple[int, int]:
    """How many events are in (after, upto], and their content in a number."""
    row = connection.execute(statement("archive_digest"), {"after": after, "upto": upto}).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]) % 2**64)


def finished_erasures(connection: Connection) -> Sequence[str]:
    return [each for (each,) in connection.execute(statement("archive_erasures"))]


def erased_positions(connection: Connection, erasures: Sequence[str], upto: int) -> Sequence[int]:
    values = {"erasures": list(erasures), "upto": upto}
    return [position for (position,) in connection.execute(statement("archive_erased_positions"), values)]


def number(connection: Connection, name: str, **values: object) -> int:
    row = connection.execute(statement(name), values).fetchone()
    return 0 if row is None else int(row[0])


def journal(connection: Connection, upto: int, erasures: Sequence[str]) -> bytes:
    row = connection.execute(statement("archive_journal"), {"upto": upto, "erasures": list(erasures)}).fetchone()
    return b"{}" if row is None else str(row[0]).encode()
