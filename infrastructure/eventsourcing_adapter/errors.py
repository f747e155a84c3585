"""Our errors and the driver's, in the words that callers of the library catch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from eventsourcing import persistence

from temple_ledger.domain.errors import (
    DatabaseUnavailable,
    EventConflict,
    InvalidEvent,
    Refused,
    SchemaMismatch,
    UnsafeLog,
)

_OF_OURS: Final[tuple[tuple[type[Exception], type[persistence.PersistenceError]], ...]] = (
    (EventConflict, persistence.IntegrityError),
    (InvalidEvent, persistence.DataError),
    (DatabaseUnavailable, persistence.OperationalError),
    (SchemaMismatch, persistence.ProgrammingError),
    (UnsafeLog, persistence.ProgrammingError),
    (Refused, persistence.OperationalError),
)
_OF_THE_DRIVER: Final[tuple[tuple[type[psycopg.Error], type[persistence.PersistenceError]], ...]] = (
    (psycopg.InterfaceError, persistence.InterfaceError),
    (psycopg.OperationalError, persistence.OperationalError),
    (psycopg.DataError, persistence.DataError),
    (psycopg.IntegrityError, persistence.IntegrityError),
    (psycopg.InternalError, persistence.InternalError),
    (psycopg.ProgrammingError, persistence.ProgrammingError),
    (psycopg.NotSupportedError, persistence.NotSupportedError),
    (psycopg.DatabaseError, persistence.DatabaseError),
    (psycopg.Error, persistence.PersistenceError),
)


@contextmanager
def library_errors() -> Iterator[None]:
    """Raises what the library documents, with ours as the cause."""
    try:
        yield
    except psycopg.Error as error:
        raise _first(_OF_THE_DRIVER, error)(_sentence(error)) from error
    except tuple(ours for ours, _ in _OF_OURS) as error:
        raise _first(_OF_OURS, error)(str(error)) from error


def _first(
    pairs: tuple[tuple[type[Exception], type[persistence.PersistenceError]], ...], error: Exception
) -> type[persistence.PersistenceError]:
    return next(theirs for ours, theirs in pairs if isinstance(error, ours))


def _sentence(error: psycopg.Error) -> str:
    """The primary message alone: details of a constraint repeat the row."""
    return error.diag.message_primary or str(error).strip() or type(error).__name__
