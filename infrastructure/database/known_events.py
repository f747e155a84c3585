"""The statements about the events which a fold knows, composed for their names, once for each of them."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from psycopg import sql

from temple_ledger.infrastructure.database.statements import statement

Names = tuple[tuple[str, str], ...] | frozenset[tuple[str, str]]
"""Of (event_type, action)."""

_UPTO: Final = sql.SQL("id <= %(upto)s")


@cache
def known_events_by_member(
    known: Names | None,
    reading_metadata: Names | None,
    *,
    after: bool,
    after_user: bool,
    upto_user: bool,
    lanes: bool = False,
) -> bytes:
    """At or before `%(upto)s`, by user_id; those above `%(after)s`, of the members in (`%(after_user)s`,
    `%(upto_user)s`] and of `%(lanes)s`, where that is asked for."""
    bounds = [_UPTO]
    if after:
        bounds.append(sql.SQL("id > %(after)s"))
    if after_user:
        bounds.append(sql.SQL("user_id > %(after_user)s"))
    if upto_user:
        bounds.append(sql.SQL("user_id <= %(upto_user)s"))
    if lanes:
        bounds.append(sql.SQL("lane_of(user_id) = any(%(lanes)s::smallint[])"))
    return _known_events(known, reading_metadata, bounds, "order by log.user_id, log.timestamp")


@cache
def known_events_of_members(known: Names, reading_metadata: Names) -> bytes:
    """At or before `%(upto)s`, of `%(user_ids)s`, in no certain order."""
    return _known_events(known, reading_metadata, [_UPTO, sql.SQL("user_id = any(%(user_ids)s::varchar[])")])


@cache
def known_events_of_member_in_order(
    known: Names, reading_metadata: Names, *, until: bool = False, recorded_until: bool = False
) -> bytes:
    """At or before `%(upto)s`, of `%(user_id)s`, by timestamp and position; those that had occurred by `%(until)s`, and
    were recorded by `%(recorded_until)s`, where that is said."""
    bounds = [_UPTO, sql.SQL("user_id = %(user_id)s")]
    if until:
        # of the column, which the index has: the statement's own timestamp is another one
        bounds.append(sql.SQL("log.timestamp <= %(until)s"))
    if recorded_until:
        bounds.append(sql.SQL("log.recorded_at <= %(recorded_until)s"))
    return _known_events(known, reading_metadata, bounds, "order by log.timestamp, log.id")


@cache
def passed_by_lanes(without: Names | None) -> bytes:
    """Of at most `%(limit)s` events in (`%(after)s`, `%(upto)s`]: how many are of the members of `%(lanes)s`, but for
    those under these names; the position of the last; how many there are."""
    return sql.SQL(statement("log_passed_by_lanes").decode()).format(without=_any_of(without)).as_bytes()


def _known_events(
    known: Names | None, reading_metadata: Names | None, bounds: Sequence[sql.Composable], order: str = ""
) -> bytes:
    return (
        sql.SQL(statement("log_known_events").decode())
        .format(
            bounds=sql.SQL(" and ").join([*bounds, _any_of(known)]),
            reads_metadata=_any_of(reading_metadata),
            order=sql.SQL(order),
        )
        .as_bytes()
    )


def _any_of(names: Names | None) -> sql.Composable:
    """Rows under one of these names, said so that the database need not look it up for each row."""
    if names is None:
        return sql.SQL("true")
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
