"""What must hold when a storm is over. Each check asks the database alone, and says what is wrong in sentences."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import psycopg

from temple_ledger.infrastructure.read_models.runner.lease import LEASE_SECONDS
from tests.chaos.acknowledged import Acknowledged
from tests.slow_fold import ROLE_TABLE, STATUS_TABLE, Line, slow_fold

LOG_COLUMNS: Final = ("id", "event_type", "action", "user_id", "target", "timestamp", "metadata")
TIMES: Final = 3

Connection = psycopg.Connection[Any]
Rows = Mapping[str, Mapping[Any, Any]]


def lost_events(connection: Connection, record: Acknowledged) -> Iterator[str]:
    """An erased person's events have other event_ids: these must be where they were."""
    log: dict[UUID, int] = dict(connection.execute("select event_id, id from webhook_audit_log").fetchall())
    positions = set(log.values())
    for event_id, (position, user_id) in record.events.items():
        if user_id in record.erased and event_id not in log:
            if position is not None and position not in positions:
                yield f"the event at position {position}, which was acknowledged, is not in the log"
        elif event_id not in log:
            yield f"event {event_id} of {user_id} was acknowledged and is not in the log"
        elif position not in (None, log[event_id]):
            yield f"event {event_id} was acknowledged at position {position} and is at {log[event_id]}"


def came_back(connection: Connection, record: Acknowledged) -> Iterator[str]:
    there = connection.execute(
        "select event_id, id from webhook_audit_log where event_id = any(%s)", (list(record.rolled_back),)
    )
    for event_id, position in there:
        yield f"event {event_id} was rolled back and is in the log, at position {position}"


def lost_deliveries(connection: Connection, record: Acknowledged) -> Iterator[str]:
    found = connection.execute("select sha256(body), count(*) from inbox where source = 'patreon' group by 1")
    times: dict[bytes, int] = {bytes(digest): number for digest, number in found}
    for digest in record.deliveries:
        if (number := times.get(digest, 0)) != 1:
            yield f"the delivery {digest.hex()[:16]}… was answered with 200 and is {number} times in the inbox"


def failed_deliveries(connection: Connection) -> Iterator[str]:
    """None of those that are sent here is at fault: one that was given up has lost its events."""
    for number, source, kind, state, note in connection.execute(
        "select id, source, kind, state, note from inbox where state in ('failed', 'unparseable') order by id"
    ):
        yield f"delivery {number} of {source} ({kind}) is {state}: {note}"


def wrong_rows(connection: Connection, planted: Collection[str] = ()) -> Iterator[str]:
    """Members whose rows are not what the oracle makes of the log, but for those whose rows were edited by hand."""
    wanted, found = _by_the_oracle(connection), _stored(connection)
    for table in (ROLE_TABLE, STATUS_TABLE):
        for key in sorted(wanted[table].keys() | found[table].keys(), key=str):
            user_id = key[0] if isinstance(key, tuple) else key
            expected, row = wanted[table].get(key), found[table].get(key)
            if expected != row and user_id not in planted:
                yield f"{table} of {key}: {row}, and the oracle says {expected}"


def backlog(connection: Connection) -> int:
    """How many events each projection has to fold, on average: one may be far behind where the others are not."""
    row = connection.execute(
        "select ceil(avg((select count(*) from webhook_audit_log as log where log.id > checkpoint.position)))::int"
        " from projection_checkpoint as checkpoint where state = 'running'"
    ).fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


def slower_than_undisturbed(caught_up: float | None, undisturbed: float | None) -> Iterator[str]:
    """Seconds that two backlogs as large took; None where one was not caught up with at all, which is said elsewhere.

    A runner that was to die may still do so after the storm: one lease is allowed for it.
    """
    if caught_up is None or undisturbed is None:
        return
    if caught_up > TIMES * undisturbed + LEASE_SECONDS:
        yield (
            f"caught up in {caught_up:.1f} s, which is more than {TIMES} times the {undisturbed:.1f} s that it takes "
            "undisturbed, and a lease"
        )


def _by_the_oracle(connection: Connection) -> Rows:
    """Of each member alone; of a parked one what came before the event that parked it."""
    parked = dict(
        connection.execute(
            "select user_id, min(position) from projection_failure where projection = 'members' group by user_id"
        ).fetchall()
    )
    lines: dict[str, list[Line]] = defaultdict(list)
    for row in connection.execute(f"select {', '.join(LOG_COLUMNS)} from webhook_audit_log order by id".encode()):
        line = dict(zip(LOG_COLUMNS, row, strict=True))
        if line["id"] < parked.get(line["user_id"], line["id"] + 1):
            lines[line["user_id"]].append(line)
    found: dict[str, dict[Any, Any]] = {ROLE_TABLE: {}, STATUS_TABLE: {}}
    for its in lines.values():
        for table, rows in slow_fold(its).items():
            found[table].update(rows)
    return found


def _stored(connection: Connection) -> Rows:
    roles = connection.execute("select user_id, role, granted_at, granted_by from discord_user_current_roles")
    statuses = connection.execute(
        "select user_id, discord_joined_at, patreon_tier, total_roles_count, last_activity, status"
        " from temple_member_status"
    )
    return {
        ROLE_TABLE: {(user_id, role): (at, by) for user_id, role, at, by in roles.fetchall()},
        STATUS_TABLE: {user_id: tuple(row) for user_id, *row in statuses.fetchall()},
    }
