"""A fold that is sent one field of a payload comes to what it does with the whole of it, whatever the payload holds."""

import json
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import PICKED, Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.read_models.member_stream import member_stream
from temple_ledger.projections.fold import Fold, Folded
from temple_ledger.projections.members import members
from temple_ledger.projections.role_periods import role_periods
from temple_ledger.projections.testing.histories import at

ALL: Final = Position(1_000_000)

VALUES: Final = (
    '"mod"',
    '""',
    "null",
    "7",
    "1.5",
    "true",
    '["mod"]',
    '{"granted_by": "mod"}',
    '"a \\"quoted\\" one"',
    '"a \\\\ and a \\n"',
    '"\\u0001by\\u0001"',
    '"event_version"',
    '"größer 🏛"',
    json.dumps("m" * 100),
    json.dumps("m" * 101),
    json.dumps("m" * 400),
)
OTHERS: Final = (
    "",
    '"audit_entry": "1336098006312725923"',
    '"reason": "weekly quest"',
    '"event_version": 1',
    '"event_version": 2',
    '"event_version": "one"',
    # few bytes where they are stored, and more digits than are decoded
    '"big": 1e5000',
    f'"deep": {"[" * 250}{"]" * 250}',
    f'"long": {json.dumps("x" * 300)}',
)
WHOLE: Final = (
    None,
    "null",
    "[]",
    '["granted_by", "by", "how"]',
    '["event_version"]',
    '"granted_by"',
    '"by"',
    "5",
    "{}",
    '{"Granted_by": "mod"}',
    '{"by": "mod", "how": "role deleted"}',
    '{"by": 5, "how": "role deleted"}',
    '{"reason": "ban", "by": "mod"}',
)


def payloads() -> Iterator[str | None]:
    yield from WHOLE
    for field in ("granted_by", "by", "how", "reason"):
        for value in VALUES:
            for other in OTHERS:
                yield "{" + ", ".join(part for part in (f'"{field}": {value}', other) if part) + "}"


@pytest.fixture
def reading(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A member for each payload and each event that has one, who holds a role before it."""
    rows = [
        (f"{event_type} {action} {number:04}", event_type, action, payload)
        for event_type, action in (
            ("discord_role_change", "added"),
            ("discord_role_change", "removed"),
            ("discord_leave", "left"),
        )
        for number, payload in enumerate(payloads())
    ]
    held = [(user_id, "discord_role_change", "added", None) for user_id, *_ in rows]
    with database.connect(DatabaseRole.APPEND) as connection:
        for when, these in ((at(1), held), (at(2), rows)):
            connection.execute(
                "insert into webhook_audit_log"
                " (event_id, timestamp, event_type, user_id, action, target, metadata, source)"
                " select gen_random_uuid(), %s, event_type, user_id, action, 'Oracle', metadata::jsonb, 'elsewhere'"
                " from unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
                " as row (user_id, event_type, action, metadata)",
                (when, *map(list, zip(*these, strict=True))),
            )
    with database.connect(DatabaseRole.READ) as connection:
        yield connection


def events(connection: psycopg.Connection[Any], fold: Fold[Any], *, picking: bool) -> dict[str, list[Recorded]]:
    stream = member_stream(connection, fold, upto=ALL, picking=picking)
    return {user_id: found for user_id, found in stream if found is not None}


@pytest.mark.parametrize("projection", [members, role_periods], ids=lambda each: each.name)
def test_every_payload_folds_to_the_same(reading: psycopg.Connection[Any], projection: Any) -> None:
    fold: Fold[Any] = Fold(projection, CATALOGUE)

    def folded(*, picking: bool) -> dict[str, Folded[Any]]:
        found = events(reading, fold, picking=picking)
        return {user_id: fold.whole_of_known(known) for user_id, known in found.items()}

    whole, picked = folded(picking=False), folded(picking=True)
    assert len(whole) == 3 * len(list(payloads()))
    assert [user_id for user_id in whole if picked[user_id] != whole[user_id]] == []
    parked = {folded.error for folded in whole.values() if folded.parked_at is not None}
    assert len(parked) > 3


def test_a_field_comes_alone_where_nothing_else_is_looked_at(reading: psycopg.Connection[Any]) -> None:
    found = events(reading, Fold(members, CATALOGUE), picking=True)
    texts = {each.metadata_text for known in found.values() for each in known}
    assert f'{PICKED}granted_by{PICKED}"mod"' in texts
    assert f'{PICKED}by{PICKED}"mod"' in texts
    assert any(text is not None and '"big": 1000' in text for text in texts)
