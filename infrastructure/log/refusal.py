"""What the database says of a value that it cannot hold."""

import psycopg

from temple_ledger.domain.errors import InvalidEvent

REFUSALS = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    UnicodeEncodeError,
)


def refusal(error: Exception) -> InvalidEvent:
    """Without the driver's message, which repeats the row."""
    if not isinstance(error, psycopg.Error):
        return InvalidEvent("a text has half of a character (a lone surrogate)")
    if isinstance(error, psycopg.errors.ProgramLimitExceeded):
        return InvalidEvent("it is larger than PostgreSQL stores")
    if error.sqlstate is None and "NUL" in str(error):
        # the driver's own, before anything is sent
        return InvalidEvent("a text has a NUL character; PostgreSQL cannot store it")
    what = error.diag.constraint_name or error.diag.column_name
    return InvalidEvent(f"the database cannot hold it (SQLSTATE {error.sqlstate}{f', {what}' if what else ''})")
