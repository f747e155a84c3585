"""Rows of the log as hypothesis draws them, also such as no append of ours takes, and how they get into it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

import psycopg
from hypothesis import strategies as st

from temple_ledger.domain.log_entry import NAMESPACE
from temple_ledger.domain.position import Position

KINDS: Final = st.sampled_from(
    [
        ("discord_join", "joined", False),
        ("discord_join", "joined", False),
        ("discord_leave", "left", False),
        ("discord_role_change", "added", True),
        ("discord_role_change", "added", True),
        ("discord_role_change", "added", True),
        ("discord_role_change", "removed", True),
        ("patreon_membership", "started", None),
        ("patreon_membership", "ended", None),
        ("member_inactivity", "marked", False),
        ("discord_role", "renamed", True),
        ("discord_message_pin", "pinned", False),
        # half of a known name is not known
        ("discord_leave", "joined", False),
    ]
)
METADATA: Final = st.sampled_from(
    [
        None,
        "{}",
        "[]",
        "7",
        '"granted_by"',
        '["granted_by"]',
        '{"granted_by": "mod"}',
        '{"granted_by": "mod"}',
        '{"granted_by": "bot"}',
        '{"granted_by": "bot"}',
        '{"granted_by": ""}',
        '{"granted_by": 12}',
        '{"granted_by": null}',
        '{"granted_by": {"id": "mod"}}',
        '{"granted_by": "mod", "event_version": 1}',
        '{"granted_by": "mod", "event_version": 1.0}',
        '{"granted_by": "mod", "event_version": 2}',
        '{"event_version": "1"}',
        '{"note": {"event_version": 2}}',
    ]
)
QUIRKS: Final = st.sampled_from(
    [None] * 60 + ["infinite", "ancient", "nameless", "unsourced", "no target", "empty target", "long", "deep", "huge"]
)
"""What is wrong with a row; many of them are nothing to the event types that do not look there."""
EVENT: Final = st.tuples(
    KINDS, st.integers(0, 1), st.sampled_from(["Oracle", "Seeker"]), st.integers(0, 7), METADATA, QUIRKS
)
EVENTS: Final = st.lists(EVENT, min_size=10, max_size=40)
"""Of two members, so that there is enough for each to go wrong."""
_BASE: Final = datetime(2026, 1, 1, tzinfo=UTC)
_examples = count(1)


class Row(NamedTuple):
    """`timestamp` as PostgreSQL reads it; `metadata` is JSON text."""

    event_id: UUID
    timestamp: str
    event_type: str
    user_id: str
    action: str
    target: str | None
    metadata: str | None
    source: str


@dataclass(frozen=True)
class Example:
    """One history among many in the same log: its members are its own."""

    number: int
    rows: Sequence[Row]

    @property
    def user_ids(self) -> list[str]:
        return sorted({row.user_id for row in self.rows})


def example(drawn: Sequence[Any]) -> Example:
    number = next(_examples)
    return Example(number, [_row(place, number, each) for place, each in enumerate(drawn)])


def _row(place: int, example: int, drawn: Any) -> Row:
    (event_type, action, needs_role), who, role, hour, metadata, quirk = drawn
    target = role if needs_role else (role if needs_role is None and hour % 2 else None)
    timestamp, user_id, source = (_BASE + timedelta(hours=hour)).isoformat(), f"{example}-{who}", "test"
    match quirk:
        case "infinite":
            timestamp = "infinity"
        case "ancient":
            timestamp = "0044-03-15 00:00:00+00 BC"
        case "nameless":
            metadata = json.dumps({"granted_by": "x" * 101})
        case "unsourced":
            source = ""
        case "no target":
            target = None
        case "empty target":
            target = ""
        case "long":
            target = "é" * 51
        case "deep":
            metadata = '{"a":' * 201 + "1" + "}" * 201
        case "huge":
            metadata = '{"n": -1' + "0" * 4300 + "}"
    return Row(uuid5(NAMESPACE, f"{example}/{place}"), timestamp, event_type, user_id, action, target, metadata, source)


_COLUMNS: Final = "event_id, timestamp, event_type, user_id, action, target, metadata, source"
INSERT: Final = f"""
    insert into webhook_audit_log ({_COLUMNS})
    select * from unnest(
        %(event_id)s::uuid[], %(timestamp)s::timestamptz[], %(event_type)s::text[], %(user_id)s::text[],
        %(action)s::text[], %(target)s::text[], %(metadata)s::jsonb[], %(source)s::text[]
    )
    on conflict (event_id) do nothing
    returning id
"""


def insert(connection: psycopg.Connection[Any], rows: Sequence[Row]) -> list[Position]:
    """One statement for all of them, past every check of ours; their positions, but of those that were there."""
    columns = zip(*rows, strict=True)
    values = {name: list(column) for name, column in zip(Row._fields, columns, strict=True)}
    return [Position(position) for (position,) in connection.execute(INSERT, values)]


def copy(connection: psycopg.Connection[Any], rows: Sequence[Row]) -> None:
    with connection.cursor().copy(f"copy webhook_audit_log ({_COLUMNS}) from stdin") as stream:
        for row in rows:
            stream.write_row(row)
