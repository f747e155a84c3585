"""The log member by member, as fast as the database can send it: what a rebuild, a verify and a repair read.

What is held in memory has a bound in events and in bytes. A member whose history is beyond it is read in pages.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby, islice
from math import inf
from operator import itemgetter
from typing import Any, Final
from uuid import uuid4

import psycopg

from temple_ledger.domain.position import START, Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.known_events import (
    known_events_by_member,
    known_events_of_member_in_order,
    known_events_of_members,
)
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.projecting import Wanted

ROWS_AT_A_TIME: Final = 64
"""The database sends so many rows at once, and each may have a payload of megabytes."""
MOST_EVENTS: Final = 20_000
MOST_BYTES: Final = 32_000_000
"""Of one history that is in memory: so many events take less than half a second to fold."""
EVENTS_TOGETHER: Final = 5_000
"""Of several histories that are in memory at once."""
PAGE_EVENTS: Final = 5_000
SIZES_AT_A_TIME: Final = 500

_USER_ID = itemgetter(Recorded._fields.index("user_id"))


def member_stream(
    connection: psycopg.Connection[Any],
    wanted: Fold[Any] | Wanted,
    *,
    upto: Position,
    after: Position = START,
    after_user: str | None = None,
    upto_user: str | None = None,
    lanes: Sequence[int] = (),
) -> Generator[tuple[str, list[Recorded] | None], None, None]:
    """The events in (after, upto] that are wanted, or known to the fold, of each member in (after_user, upto_user], by
    user_id; those of one member in no certain order. With *lanes*, of their members alone.

    None for a history that is too long to be held in memory: `pages_of_member` reads it.

    The database walks the log and sends while the caller works. The connection is busy until the last member was
    read; whoever stops early has to close this, or even the connection's own end waits for ever.
    """
    query = known_events_by_member(
        wanted.names,
        wanted.reading_metadata,
        after=after > START,
        after_user=after_user is not None,
        upto_user=upto_user is not None,
        lanes=bool(lanes),
    )
    parameters = {
        "upto": upto,
        "after": after,
        "after_user": after_user,
        "upto_user": upto_user,
        "lanes": list(lanes),
    }
    with connection.cursor(row_factory=_recorded) as cursor:
        rows = cursor.stream(query, parameters, binary=True, size=ROWS_AT_A_TIME)
        for user_id, found in groupby(rows, key=_USER_ID):
            yield user_id, _held(found)


def _held(found: Iterator[Recorded]) -> list[Recorded] | None:
    """All of them; None, and the rest is passed over, where they are too many."""
    held: list[Recorded] = []
    size = 0
    while some := list(islice(found, ROWS_AT_A_TIME)):
        held += some
        size += bytes_of_payloads(some)
        if len(held) > MOST_EVENTS or size > MOST_BYTES:
            return None
    return held


def bytes_of_payloads(events: Sequence[Recorded]) -> int:
    return sum([len(recorded[6]) for recorded in events if recorded[6] is not None])


def member_histories(
    connection: psycopg.Connection[Any], fold: Fold[Any], user_ids: Sequence[str], *, upto: Position
) -> Iterator[tuple[str, list[Recorded] | None]]:
    """The known events of each of these members, in no certain order; None where they are too many for memory.

    Payloads are measured as they come. Only where there turn out to be too many bytes of them are they measured first,
    which reads the same pages of the log once more.
    """
    for some, too_many in _held_together(sorted(set(user_ids)), partial(_lengths, connection)):
        if too_many:
            yield from ((user_id, None) for user_id in some)
        else:
            # each generator lets go of what it holds before the next ones are read
            yield from _together(connection, fold, some, upto)


def _together(
    connection: psycopg.Connection[Any], fold: Fold[Any], user_ids: Sequence[str], upto: Position
) -> Iterator[tuple[str, list[Recorded] | None]]:
    held = _histories(connection, fold, user_ids, upto, most_bytes=MOST_BYTES)
    if held is None:
        yield from _measured_histories(connection, fold, user_ids, upto)
    else:
        yield from held.items()


def _measured_histories(
    connection: psycopg.Connection[Any], fold: Fold[Any], user_ids: Sequence[str], upto: Position
) -> Iterator[tuple[str, list[Recorded] | None]]:
    for some, too_long in held_together(connection, user_ids, upto):
        held = None if too_long else _histories(connection, fold, some, upto)
        yield from dict.fromkeys(some).items() if held is None else held.items()


def held_together(
    connection: psycopg.Connection[Any], user_ids: Sequence[str], upto: Position
) -> Iterator[tuple[list[str], bool]]:
    """These members in their order: those whose histories are in memory at once, or one whose history is too long."""
    return _held_together(user_ids, lambda asked: _sizes(connection, asked, upto, MOST_EVENTS + 1))


def _held_together(
    user_ids: Sequence[str], measure: Callable[[Sequence[str]], Sequence[tuple[str, int, int, int]]]
) -> Iterator[tuple[list[str], bool]]:
    wanted: list[str] = []
    events = size = 0
    for place in range(0, len(user_ids), SIZES_AT_A_TIME):
        asked = user_ids[place : place + SIZES_AT_A_TIME]
        found = {user_id: rest for user_id, *rest in measure(asked)}
        for user_id in asked:
            its_events, its_size, _ = found[user_id]
            too_long = its_events > MOST_EVENTS or its_size > MOST_BYTES
            if wanted and (too_long or events + its_events > EVENTS_TOGETHER or size + its_size > MOST_BYTES):
                yield wanted, False
                wanted, events, size = [], 0, 0
            if too_long:
                yield [user_id], True
                continue
            wanted.append(user_id)
            events, size = events + its_events, size + its_size
    if wanted:
        yield wanted, False


def pages_of_member(
    connection: psycopg.Connection[Any],
    fold: Fold[Any],
    user_id: str,
    upto: Position,
    *,
    until: datetime | None = None,
    recorded_until: datetime | None = None,
) -> Iterator[list[Recorded]]:
    """The member's known events, by timestamp and position, a page at a time; within a transaction.

    With *until*, those that had occurred by then; with *recorded_until*, those that the log had taken by then.
    """
    ((_, _, _, largest),) = _sizes(connection, [user_id], upto, None)
    query = known_events_of_member_in_order(
        fold.names, fold.reading_metadata, until=until is not None, recorded_until=recorded_until is not None
    )
    parameters = {"user_id": user_id, "upto": upto, "until": until, "recorded_until": recorded_until}
    size = max(1, min(PAGE_EVENTS, MOST_BYTES // (4 * max(1, largest))))
    with connection.cursor(f"history_{uuid4().hex}", row_factory=_recorded) as cursor:
        cursor.execute(query, parameters, binary=True)
        while page := cursor.fetchmany(size):
            yield page


def _histories(
    connection: psycopg.Connection[Any],
    fold: Fold[Any],
    user_ids: Sequence[str],
    upto: Position,
    *,
    most_bytes: float = inf,
) -> dict[str, list[Recorded]] | None:
    """Of each member; None, and the rest is passed over, where all of them have more than so many bytes."""
    query = known_events_of_members(fold.names, fold.reading_metadata)
    parameters = {"user_ids": list(user_ids), "upto": upto}
    histories: dict[str, list[Recorded]] = {user_id: [] for user_id in user_ids}
    size = 0
    with connection.cursor(row_factory=_recorded) as cursor:
        rows = cursor.stream(query, parameters, binary=True, size=ROWS_AT_A_TIME)
        while some := list(islice(rows, ROWS_AT_A_TIME)):
            size += bytes_of_payloads(some)
            if size <= most_bytes:
                for user_id, found in groupby(some, key=_USER_ID):
                    histories[user_id] += found
    return histories if size <= most_bytes else None


def _lengths(connection: psycopg.Connection[Any], user_ids: Sequence[str]) -> Sequence[tuple[str, int, int, int]]:
    """Of each member: events, of at most one more than are held in memory; nothing is measured."""
    values = {"user_ids": list(user_ids), "most": MOST_EVENTS + 1}
    return connection.execute(statement("log_history_lengths"), values).fetchall()


def _sizes(
    connection: psycopg.Connection[Any], user_ids: Sequence[str], upto: Position, most: int | None
) -> Sequence[tuple[str, int, int, int]]:
    """Of each member: events, bytes and the largest payload, of at most so many events."""
    values = {"user_ids": list(user_ids), "upto": upto, "most": most}
    return connection.execute(statement("log_history_sizes"), values).fetchall()


def _recorded(_: object) -> Callable[[Sequence[Any]], Recorded]:
    """The statements have a column for each field, in order: no function of Python's has to run for each row."""
    return partial(tuple.__new__, Recorded)
