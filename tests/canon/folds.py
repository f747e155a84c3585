"""What the tables should hold of some members, and what they hold: by SQL, by Python, by the slow oracle, stored."""

import json
from collections.abc import Container, Sequence
from typing import Any, LiteralString, NamedTuple

import psycopg

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.log.reader import member_events
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import ROLES, STATUS, members
from tests.slow_fold import ROLE_TABLE, STATUS_TABLE, slow_fold

Connection = psycopg.Connection[Any]
FOLD = Fold(members, catalogue=CATALOGUE)
EVERYTHING = Position(2**63 - 1)


class Members(NamedTuple):
    """Rows by key, as `slow_fold` gives them; who is parked, at which position; the frontiers."""

    roles: dict[tuple[str, str], tuple[Any, ...]]
    statuses: dict[str, tuple[Any, ...]]
    parked: dict[str, int]
    frontiers: dict[str, tuple[Any, int]]


def by_sql(connection: Connection, user_ids: Sequence[str], upto: int = EVERYTHING) -> Members:
    return _by_sql(connection, "select * from members_folded(%s, %s, null)", upto, user_ids)


def snapshot_by_sql(connection: Connection, user_ids: Sequence[str]) -> Members:
    """What the trigger goes on from: what is stored, said in events and folded again."""
    return _by_sql(connection, "select * from members_folded(%s, %s, '{}')", None, user_ids)


def _by_sql(connection: Connection, fold: LiteralString, upto: int | None, user_ids: Sequence[str]) -> Members:
    folded = connection.execute(fold, (upto, list(user_ids))).fetchall()
    parked = connection.execute(
        "select user_id, min(id) from members_event"
        " where refusal is not null and id <= coalesce(%s, id) and user_id = any(%s) group by user_id",
        (upto, list(user_ids)),
    )
    return Members(
        {(user_id, role): (at, by) for user_id, role, at, by, *_ in folded if role is not None},
        {user_id: tuple(row) for user_id, role, _, _, *row, _, _ in folded if role is None},
        dict(parked.fetchall()),
        {user_id: tuple(row[-2:]) for user_id, role, *row in folded if role is None},
    )


def by_python(
    connection: Connection, user_ids: Sequence[str], upto: int = EVERYTHING, skipped: Container[int] = ()
) -> Members:
    """The fold of the framework, of each member from the whole log."""
    found = Members({}, {}, {}, {})
    for user_id in user_ids:
        events = member_events(connection, [user_id], Position(upto))
        folded = FOLD.whole([event for event in events if event.position not in skipped])
        rows = folded.rows
        found.roles.update({(user_id, role): (at, by) for role, at, by in rows.get(ROLES.name, ())})
        for row in rows.get(STATUS.name, ()):
            found.statuses[user_id] = row
        if folded.parked_at is not None:
            found.parked[user_id] = folded.parked_at
        if folded.frontier is not None:
            found.frontiers[user_id] = (folded.frontier.occurred_at, folded.frontier.position)
    return found


def slowly(
    connection: Connection,
    user_ids: Sequence[str],
    parked: dict[str, int],
    upto: int = EVERYTHING,
    skipped: Container[int] = (),
) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Roles and statuses by the oracle, which is told who is parked where."""
    events = [
        event
        for event in member_events(connection, user_ids, Position(upto))
        if event.position < parked.get(event.user_id, EVERYTHING)
        and event.occurred_at is not None
        and event.position not in skipped
    ]
    rows = slow_fold(
        [
            {
                **event._asdict(),
                "id": event.position,
                "timestamp": event.occurred_at,
                "metadata": json.loads(event.metadata_text or "null") if event.action == "added" else None,
            }
            for event in events
        ]
    )
    return rows[ROLE_TABLE], rows[STATUS_TABLE]


def stored(connection: Connection, user_ids: Sequence[str]) -> Members:
    """What is in the tables of `members`."""
    those = (list(user_ids),)
    roles = connection.execute(
        "select user_id, role, granted_at, granted_by from discord_user_current_roles where user_id = any(%s)", those
    )
    statuses = connection.execute(
        "select user_id, discord_joined_at, patreon_tier, total_roles_count, last_activity, status"
        " from temple_member_status where user_id = any(%s)",
        those,
    )
    parked = connection.execute(
        "select user_id, position from projection_failure where projection = 'members' and user_id = any(%s)", those
    )
    frontiers = connection.execute(
        "select user_id, occurred_at, position from projection_frontier"
        " where projection = 'members' and user_id = any(%s)",
        those,
    )
    return Members(
        {(user_id, role): (at, by) for user_id, role, at, by in roles},
        {user_id: tuple(row) for user_id, *row in statuses},
        dict(parked.fetchall()),
        {user_id: tuple(row) for user_id, *row in frontiers},
    )


def drift(connection: Connection) -> list[tuple[Any, ...]]:
    """What the two functions of the canon find."""
    rows = connection.execute("select * from validate_ledger_consistency()").fetchall()
    return [*rows, *connection.execute("select * from validate_member_status_consistency()").fetchall()]
