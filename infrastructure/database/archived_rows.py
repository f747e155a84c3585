"""The statement that reads a range of the log for an archive, with its bounds written into it."""

from psycopg import sql

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement


def archived_rows(after: Position, upto: Position) -> str:
    """In (after, upto], by position. A statement with parameters is not sent as a stream by the driver of columns."""
    query = sql.SQL(statement("archive_rows").decode())
    return query.format(after=sql.Literal(int(after)), upto=sql.Literal(int(upto))).as_string(None)
