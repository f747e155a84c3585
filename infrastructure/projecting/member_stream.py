"""The log member by member: what a rebuild and a verify read, as fast as the database can send it."""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import psycopg
from psycopg import sql

from domain.position import Position
from domain.recorded import Recorded
from projections.fold import Fold

_TYPES: Final = ("int8", "timestamptz", "varchar", "varchar", "varchar", "varchar", "text", "varchar")
_USER_ID = itemgetter(Recorded._fields.index("user_id"))

_QUERY: Final = sql.SQL(
    """
    copy (
        select
            id,
            case
                when timestamp >= '0001-01-01 00:00:00+00' and timestamp < '10000-01-01 00:00:00+00' then timestamp
            end,
            event_type, user_id, action, target, metadata::text, source
        from webhook_audit_log
        where id <= {upto} and ({names}) {range}
        order by user_id, timestamp, id
    ) to stdout (format binary)
    """
)


def member_stream(
    connection: psycopg.Connection[Any],
    fold: Fold[Any],
    *,
    upto: Position,
    after_user: str | None = None,
    upto_user: str | None = None,
) -> Iterator[tuple[str, list[Recorded]]]:
    """The known events of each member in (after_user, upto_user], by user_id; those of one ordered as they fold.

    The database sorts and sends while the caller works; the connection is taken until the last member was read.
    """
    bounds: list[sql.Composable] = []
    if after_user is not None:
        bounds.append(sql.SQL("and user_id > {}").format(after_user))
    if upto_user is not None:
        bounds.append(sql.SQL("and user_id <= {}").format(upto_user))
    query = _QUERY.format(upto=sql.Literal(upto), names=_names(fold), range=sql.SQL(" ").join(bounds))
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.set_types(_TYPES)
        for user_id, rows in groupby(copy.rows(), key=_USER_ID):
            yield user_id, [Recorded(*row) for row in rows]


def _names(fold: Fold[Any]) -> sql.Composable:
    """`event_type = 'x' and action in (…) or …`: what the fold knows."""
    actions: dict[str, list[str]] = {}
    for event_type, action in fold.names:
        actions.setdefault(event_type, []).append(action)
    known = [
        sql.SQL("event_type = {} and action in ({})").format(
            sql.Literal(event_type), sql.SQL(", ").join(map(sql.Literal, each))
        )
        for event_type, each in actions.items()
    ]
    return sql.SQL(" or ").join(known) if known else sql.SQL("false")
