"""The log member by member, as fast as the database can send it: what a rebuild, a verify and a repair read."""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import psycopg

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.known_events import known_events_by_member, known_events_of_members
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

    The database walks the log and sends while the caller works. The connection is busy until the last member was
    read; whoever stops early has to close this, or even the connection's own end waits for ever.
    """
    query = known_events_by_member(
        fold.names, fold.reading_metadata, after_user=after_user is not None, upto_user=upto_user is not None
    )
    parameters = {"upto": upto, "after_user": after_user, "upto_user": upto_user}
    with connection.cursor(row_factory=_recorded) as cursor:
        rows = cursor.stream(query, parameters, binary=True, size=ROWS_AT_A_TIME)
        for user_id, found in groupby(rows, key=_USER_ID):
            yield user_id, list(found)


def member_histories(
    connection: psycopg.Connection[Any], fold: Fold[Any], user_ids: Sequence[str], *, upto: Position
) -> dict[str, list[Recorded]]:
    """The known events of each of these members, in no certain order; whoever has none is left out."""
    query = known_events_of_members(fold.names, fold.reading_metadata)
    histories: dict[str, list[Recorded]] = {}
    with connection.cursor(row_factory=_recorded, binary=True) as cursor:
        for recorded in cursor.execute(query, {"user_ids": list(set(user_ids)), "upto": upto}).fetchall():
            histories.setdefault(recorded[3], []).append(recorded)
    return histories


def _recorded(_: object) -> Callable[[Sequence[Any]], Recorded]:
    """The statements have a column for each field, in order: no function of Python's has to run for each row."""
    return partial(tuple.__new__, Recorded)
