"""Faults of sessions, and of transactions that stay open."""

import random
from typing import Final

import psycopg

from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.log.append import Appended, append_within
from tests.chaos.processes import pause
from tests.chaos.storm import Storm

HELD_SECONDS: Final = (0.05, 0.6)
ROWS_COME_WITHIN: Final = 50
"""Looks, some ten seconds: a storm may begin before anything is folded."""
DRIFTS: Final = (
    "update discord_user_current_roles set granted_by = 'somebody' where ctid = ({}) returning user_id",
    "delete from discord_user_current_roles where ctid = ({}) returning user_id",
)


def backend_terminated(storm: Storm, dice: random.Random) -> bool:
    """One of ours, whatever it does. Seen when it is gone."""
    with storm.site.admin() as admin:
        there = admin.execute(
            "select pid from pg_stat_activity where backend_type = 'client backend' and datname = current_database()"
            " and usename <> current_user order by pid"
        ).fetchall()
        if not there:
            return False
        gone = admin.execute("select pg_terminate_backend(%s, 5000)", dice.choice(there)).fetchone()
        return gone is not None and gone[0]


def gap_held(storm: Storm, dice: random.Random) -> bool:
    """Seen when others append behind it, and no projection passes it."""
    entries = storm.operator.entries(2)
    stays = dice.random() < 0.5
    with storm.site.database().connect(DatabaseRole.APPEND, application="storm gap") as connection:
        connection.execute("begin")
        position = _first(append_within(connection, entries))
        pause(dice.uniform(*HELD_SECONDS))
        seen = _waited_for(storm, position)
        connection.execute("commit" if stays else "rollback")
    _promise(storm, entries, position, stays=stays)
    return seen


def prepared_transaction(storm: Storm, dice: random.Random) -> bool:
    entries = storm.operator.entries(2)
    gid, stays = f"storm-{dice.getrandbits(64)}", dice.random() < 0.5
    with storm.site.database().connect(DatabaseRole.APPEND, application="storm gap") as connection:
        connection.execute("begin")
        position = _first(append_within(connection, entries))
        connection.execute(f"prepare transaction '{gid}'".encode())
    try:
        pause(dice.uniform(*HELD_SECONDS))
        seen = _waited_for(storm, position)
    finally:
        _finish(storm, gid, stays=stays)
    _promise(storm, entries, position, stays=stays)
    return seen


def drift_planted(storm: Storm, dice: random.Random) -> bool:
    """By hand, in a table. What it leads to is right again after a repair."""
    with storm.site.admin() as admin:
        for _ in range(ROWS_COME_WITHIN):
            if admin.execute("select from discord_user_current_roles limit 1").fetchone() is not None:
                break
            pause(0.2)
        some = "select ctid from discord_user_current_roles order by user_id, role limit 1 offset {}"
        rows = admin.execute("select count(*) from discord_user_current_roles").fetchone()
        place = some.format(dice.randrange(max(1, rows[0] if rows else 1)))
        edited = admin.execute(dice.choice(DRIFTS).format(place).encode()).fetchone()
    if edited is None:
        return False
    storm.record.plant(edited[0])
    return True


def _first(outcomes: object) -> int:
    assert isinstance(outcomes, list)
    assert isinstance(outcomes[0], Appended)
    return outcomes[0].position


def _waited_for(storm: Storm, position: int) -> bool:
    with storm.site.admin() as admin:
        row = admin.execute(
            "select (select max(id) from webhook_audit_log) > %(held)s"
            " and (select bool_and(position < %(held)s) from projection_checkpoint where state = 'running')",
            {"held": position},
        ).fetchone()
        return bool(row and row[0])


def _finish(storm: Storm, gid: str, *, stays: bool) -> None:
    """However often the server is away meanwhile: left behind, it would hold up every reader."""
    while True:
        try:
            with storm.site.admin() as admin:
                admin.execute(f"{'commit' if stays else 'rollback'} prepared '{gid}'".encode())
            return
        except psycopg.errors.UndefinedObject:
            # an earlier attempt did it, and its answer was lost
            return
        except psycopg.OperationalError:
            pause(0.2)


def _promise(storm: Storm, entries: list[LogEntry], position: int, *, stays: bool) -> None:
    if stays:
        places = range(position, position + len(entries))
        storm.record.add_events(
            (each.event_id, None if place > position else place, each.user_id)
            for each, place in zip(entries, places, strict=True)
        )
    else:
        storm.record.add_rolled_back(each.event_id for each in entries)
