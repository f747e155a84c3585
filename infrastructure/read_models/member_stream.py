"""The log member by member, as fast as the database can send it: what a rebuild, a verify and a repair read."""

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import psycopg
from psycopg import sql

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.fold import Fold

ROWS_AT_A_TIME: Final = 1_000

_USER_ID = itemgetter(Recorded._fields.index("user_id"))


def member_stream(
    connection: psycopg.Connection[Any],
    fold: Fold[Any],
    *,
    upto: Position,
    after_user: str | None = None,
    upto_user: str | None = None,
) -> Generator[tuple[str, list[Recorded]], None, None]:
    """The known events of each member in (after_user, upto_user], by user_id; those of one in no certain order.

    The database walks the log and sends while the caller works. The connection is taken until the last member was
    read; whoever stops early has to close this, or even the connection's own end waits for ever.
    """
    bounds = [sql.SQL("id <= %(upto)s")]
    if after_user is not None:
        bounds.append(sql.SQL("user_id > %(after_user)s"))
    if upto_user is not None:
        bounds.append(sql.SQL("user_id <= %(upto_user)s"))
    query = _known_events(fold, bounds, "order by log.user_id, log.timestamp")
    parameters = {"upto": upto, "after_user": after_user, "upto_user": upto_user}
    with connection.cursor(row_factory=_recorded) as cursor:
        rows = cursor.stream(query, parameters, binary=True, size=ROWS_AT_A_TIME)
        for user_id, found in groupby(rows, key=_USER_ID):
            yield user_id, list(found)


def member_histories(
    connection: psycopg.Connection[Any], fold: Fold[Any], user_ids: Sequence[str], *, upto: Position
) -> dict[str, list[Recorded]]:
    """The known events of each of these members, in no certain order; whoever has none is left out."""
    query = _known_events(fold, [sql.SQL("id <= %(upto)s"), sql.SQL("user_id = any(%(user_ids)s::varchar[])")])
    histories: dict[str, list[Recorded]] = {}
    with connection.cursor(row_factory=_recorded, binary=True) as cursor:
        for recorded in cursor.execute(query, {"user_ids": list(set(user_ids)), "upto": upto}).fetchall():
            histories.setdefault(recorded[3], []).append(recorded)
    return histories


def _known_events(fold: Fold[Any], bounds: Sequence[sql.Composable], order: str = "") -> sql.Composed:
    return sql.SQL(statement("log_known_events").decode()).format(
        bounds=sql.SQL(" and ").join([*bounds, _any_of(fold.names)]),
        reads_metadata=_any_of(fold.reading_metadata),
        order=sql.SQL(order),
    )


def _recorded(_: object) -> Callable[[Sequence[Any]], Recorded]:
    """The statements have a column for each field, in order: no function of Python's has to run for each row."""
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
