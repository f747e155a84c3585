"""The log member by member: what a rebuild and a verify read, as fast as the database can send it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import psycopg
from psycopg import sql

from domain.position import Position
from domain.recorded import Recorded
from infrastructure.database.statements import statement
from projections.fold import Fold

ROWS_AT_A_TIME: Final = 1_000

_USER_ID = itemgetter(Recorded._fields.index("user_id"))


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
    bounds: list[sql.Composable] = [sql.SQL("id <= %(upto)s"), _any_of(fold.names)]
    if after_user is not None:
        bounds.append(sql.SQL("user_id > %(after_user)s"))
    if upto_user is not None:
        bounds.append(sql.SQL("user_id <= %(upto_user)s"))
    query = sql.SQL(statement("log_by_member").decode()).format(
        bounds=sql.SQL(" and ").join(bounds), reads_metadata=_any_of(fold.reading_metadata)
    )
    parameters = {"upto": upto, "after_user": after_user, "upto_user": upto_user}
    with connection.cursor(row_factory=_recorded) as cursor:
        rows = cursor.stream(query, parameters, binary=True, size=ROWS_AT_A_TIME)
        for user_id, found in groupby(rows, key=_USER_ID):
            yield user_id, list(found)


def _recorded(_: object) -> Callable[[Sequence[Any]], Recorded]:
    """The statement has a column for each field, in order: no function of Python's has to run for each row."""
    return partial(tuple.__new__, Recorded)


def _any_of(names: Iterable[tuple[str, str]]) -> sql.Composable:
    """Rows under one of these names, said so that the database need not look it up for each row."""
    actions: dict[str, list[str]] = {}
    for event_type, action in sorted(names):
        actions.setdefault(event_type, []).append(action)
    known = [
        sql.SQL("event_type = {} and action in ({})").format(
            sql.Literal(event_type), sql.SQL(", ").join(map(sql.Literal, each))
        )
        for event_type, each in actions.items()
    ]
    return sql.SQL("({})").format(sql.SQL(" or ").join(known)) if known else sql.SQL("false")
