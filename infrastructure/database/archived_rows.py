"""The statement that reads a range of the log for an archive, with its bounds written into it."""

from psycopg import sql

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement


def archived_rows(after: Position, upto: Position, buckets: tuple[int, int] | None = None) -> str:
    """In (after, upto], by position; with *buckets*, of the members in these, both ends included.

    A statement with parameters is not sent as a stream by the driver of columns.
    """
    return (
        sql.SQL(statement("archive_rows").decode())
        .format(after=sql.Literal(int(after)), upto=sql.Literal(int(upto)), members=_members_in(buckets))
        .as_string(None)
    )


def _members_in(buckets: tuple[int, int] | None) -> sql.Composable:
    if buckets is None:
        return sql.SQL("true")
    return sql.SQL("member_bucket(user_id) between {} and {}").format(*map(sql.Literal, buckets))
