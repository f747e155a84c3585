"""Statements whose work does not depend on what the planner believes of a table that was just filled.

A table that was analyzed while its pages held no row is believed to hold none until it is analyzed again: a snapshot's
comparison or an import that was rolled back, and a visit of autovacuum, are enough. Here every table is in that state,
and has rows.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.tables import read_statement
from temple_ledger.infrastructure.database.whole_tables import join_whole_tables
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.queries.events import EventFilter
from temple_ledger.infrastructure.testing.copies import Copies
from temple_ledger.projections.members import members
from temple_ledger.projections.placing import placed_as

ROWS: Final = 4_000
KEYS: Final = 200
MOST_ROWS: Final = 2 * ROWS + 12 * KEYS
"""That a statement may look at: two tables once, or a handful of steps a key; a search for each key is 800,000."""

PLANTED: Final = """
insert into patreon_member (member_id, patreon_id, standing, tier_id, changed_at, look_again_at, doubt, doubted_at)
    select 'member-' || n, n::text, 'paying', '9100002', now(), now(), 'order', now()
    from generate_series(1, {rows}) as n;
insert into patreon_link select n::text, (500000 + n)::text, now() from generate_series(1, {rows}) as n;
insert into patreon_person select (500000 + n)::text, 'paying', '9100002', 'Acolyte', gen_random_uuid(), now()
    from generate_series(1, {rows}) as n;
insert into patreon_tier select n::text, 'Acolyte', 1000, '{{}}', now() from generate_series(1, {rows}) as n;
insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, source)
    select lpad(n::text, 32, '0')::uuid, now(), 'patreon_membership', (500000 + n)::text, 'started', 'Acolyte', ''
    from generate_series(1, {rows}) as n;
insert into temple_member_status (user_id, status, patreon_tier)
    select (500000 + n)::text, 'active', 'Acolyte' from generate_series(1, {rows}) as n;
insert into discord_user_current_roles (user_id, role, granted_at)
    select (500000 + n)::text, '1', now() from generate_series(1, {rows}) as n;
insert into projection_frontier (projection, version, user_id, occurred_at, position)
    select 'members', 1, (500000 + n)::text, now(), n from generate_series(1, {rows}) as n;
insert into discord_member (user_id, present, joined_at, roles)
    select (500000 + n)::text, true, now(), '{{}}' from generate_series(1, {rows}) as n;
insert into discord_attribution (entry_id, user_id, direction, role_id, at)
    select n::text, (500000 + n)::text, 'add', '1', now() from generate_series(1, {rows}) as n;
insert into inbox_source (source) values ('patreon') on conflict do nothing;
insert into inbox (source, kind, received_at, last_received_at, digest, body)
    select 'patreon', 'members:update', now(), now(), int8send(n), '' from generate_series(1, {rows}) as n;
insert into projection_batch (projection, version, last_position, events, committed_at)
    select 'members', 1, id, 1, now() from webhook_audit_log;
insert into projection_failure (projection, version, position, user_id, error)
    select 'members', 1, id, user_id, 'no' from webhook_audit_log where id <= {keys};
"""

NUMBERS: Final = [n * (ROWS // KEYS) for n in range(1, KEYS + 1)]
USERS: Final = [str(500000 + n) for n in NUMBERS]
TEXTS: Final = [str(n) for n in NUMBERS]
EVENTS: Final = [str(uuid.UUID(f"{n:032d}")) for n in NUMBERS]
MANY: Final = {"after": "", "limit": KEYS, "status": None, "role": "1", "tier": None}

KEYED: Final[Mapping[str, Mapping[str, Any]]] = {
    "patreon_members": {"member_ids": [f"member-{n}" for n in NUMBERS]},
    "patreon_links": {"patreon_ids": TEXTS},
    "patreon_tiers": {"tier_ids": TEXTS},
    "patreon_members_of": {"user_ids": USERS},
    "patreon_persons": {"user_ids": USERS, "ask_log": True},
    "patreon_doubted_deliveries": {"ids": NUMBERS},
    "patreon_doubts_drop": {"member_ids": [f"member-{n}" for n in NUMBERS]},
    "log_compare": {"entries": json.dumps([{"event_id": each} for each in EVENTS])},
    "log_known": {"event_ids": EVENTS},
    "log_member_events": {"user_ids": USERS, "until": None, "recorded_until": None, "upto": 2**60},
    "frontier_read": {"projection": "members", "version": 1, "user_ids": USERS},
    "failure_list": {"projection": "members", "version": None, "user_id": None, "position": None},
    "read_member_list": MANY,
    "discord_known": {"user_ids": USERS},
    "discord_entries_known": {"entry_ids": TEXTS},
    "discord_attribution_close": {"entry_ids": TEXTS, "directions": ["add"] * KEYS, "role_ids": ["1"] * KEYS},
    "discord_attribution_use": {
        "entry_ids": TEXTS,
        "directions": ["add"] * KEYS,
        "role_ids": ["1"] * KEYS,
        "used_by": EVENTS,
    },
    "inbox_mark": {"ids": NUMBERS, "states": ["failed"] * KEYS, "notes": [None] * KEYS},
    "metrics_latencies": {
        "numbers": NUMBERS,
        "projections": ["members"] * KEYS,
        "versions": [1] * KEYS,
        "lasts": NUMBERS,
        "positions": NUMBERS,
    },
}


@pytest.fixture(scope="module")
def misjudged(server: EmbeddedServer, copies: Copies) -> Iterator[psycopg.Connection[Any]]:
    name = copies.take()
    with psycopg.connect(Database(server.dsn(name)).dsn, autocommit=True) as owner:
        with owner.transaction(force_rollback=True):
            owner.execute(PLANTED.format(rows=ROWS, keys=KEYS).encode())
        owner.execute("analyze")
        owner.execute("alter sequence webhook_audit_log_id_seq restart")
        owner.execute("alter sequence inbox_id_seq restart")
        owner.execute(PLANTED.format(rows=ROWS, keys=KEYS).encode())
        yield owner
    copies.drop(name)


def rows_looked_at(plan: Mapping[str, Any]) -> float:
    removed = sum(value for name, value in plan.items() if name.startswith("Rows Removed by"))
    own = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return float(own + sum(rows_looked_at(each) for each in plan.get("Plans", ())))


def explained(connection: psycopg.Connection[Any], query: Any, values: Mapping[str, Any]) -> Any:
    with connection.transaction(force_rollback=True):
        text = query if isinstance(query, bytes) else query.as_bytes(connection)
        row = connection.execute(b"explain (analyze, format json) " + text, values).fetchone()
        assert row is not None
        return row[0][0]["Plan"]


@pytest.mark.parametrize("name", KEYED)
def test_what_is_looked_up_by_key_costs_by_the_key(misjudged: psycopg.Connection[Any], name: str) -> None:
    plan = explained(misjudged, statement(name), KEYED[name])
    assert rows_looked_at(plan) <= MOST_ROWS, json.dumps(plan, indent=1)


TABLES: Final = placed_as(members, active=True).tables


@pytest.mark.parametrize("table", TABLES, ids=lambda each: each.name)
def test_so_does_reading_the_rows_of_members(misjudged: psycopg.Connection[Any], table: Any) -> None:
    plan = explained(misjudged, read_statement(table), {"user_ids": USERS})
    assert rows_looked_at(plan) <= MOST_ROWS, json.dumps(plan, indent=1)


LOOKED_UP: Final = {"frontier_read": statement("frontier_read"), **{t.name: read_statement(t) for t in TABLES}}


@pytest.mark.parametrize("name", LOOKED_UP)
def test_what_a_step_reads_of_its_members_is_looked_up_one_by_one(
    misjudged: psycopg.Connection[Any], name: str
) -> None:
    """A plan for any list compares each row with each of a thousand names."""
    plan = explained(misjudged, LOOKED_UP[name], {"projection": "members", "version": 1, "user_ids": USERS})
    assert rows_looked_at(plan) <= 12 * KEYS, json.dumps(plan, indent=1)


def test_what_somebody_did_is_not_looked_for_among_what_others_did(misjudged: psycopg.Connection[Any]) -> None:
    picked = EventFilter(by="a moderator", since=datetime(2026, 1, 1, tzinfo=UTC)).parameters()
    plan = explained(misjudged, statement("read_events_newest"), {**picked, "upto": 2**60, "limit": 50})
    assert rows_looked_at(plan) == 0, json.dumps(plan, indent=1)


SNAPSHOT: Final = """

insert into patreon_read (
    member_id, patreon_id, tiers, deleted, standing, tier_id, changed_at, tier_deleted, discord_said, asked_at,
    described
)
    select member_id, patreon_id, '[]', false, 'paying', '1', now(), false, false, now(), '{}' from patreon_member;
"""


@pytest.fixture(scope="module")
def comparing(misjudged: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    misjudged.execute(statement("patreon_read_create"))
    with misjudged.transaction(force_rollback=True):
        misjudged.execute(SNAPSHOT.encode())
    misjudged.execute("analyze patreon_read")
    misjudged.execute(SNAPSHOT.encode())
    return misjudged


WHOLE: Final[Mapping[str, Mapping[str, Any]]] = {
    "patreon_read_compare": {},
    "patreon_read_gone": {"campaigns": [], "whole": True, "started_at": "infinity"},
    "patreon_read_others": {"whole": True},
    "patreon_read_refresh": {},
    "patreon_paying_count": {},
    "mismatch_without_tier": {},
    "mismatches": {"tier_ids": ["9100002"], "titles": ["Acolyte"], "roles": ["1"]},
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_joins_whole_tables_reads_each_of_them_a_few_times(comparing: psycopg.Connection[Any], name: str) -> None:
    with comparing.transaction(force_rollback=True):
        join_whole_tables(comparing, merging=name not in ("mismatches", "mismatch_without_tier"))
        plan = explained(comparing, statement(name), WHOLE[name])
    assert rows_looked_at(plan) <= 50 * ROWS, json.dumps(plan, indent=1)
