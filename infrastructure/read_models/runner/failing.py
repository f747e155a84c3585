"""Why a projection stands still, in the sentence that its checkpoint has."""

import psycopg

from temple_ledger.domain.raised import describe_error


def reason_of_failure(error: Exception) -> str:
    """Never the driver's own message, which may repeat the row."""
    if isinstance(error, psycopg.errors.UndefinedColumn):
        return "its table has other columns than its code declares; before it is resumed: temple db migrate"
    if isinstance(error, psycopg.errors.CheckViolation | psycopg.errors.UniqueViolation):
        return (
            "its table has a check or a unique index that its code does not declare; before it is resumed: "
            "temple db migrate"
        )
    if isinstance(error, psycopg.Error):
        return f"the database refused its rows (SQLSTATE {error.sqlstate})"
    return describe_error(error)
