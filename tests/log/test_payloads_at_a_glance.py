"""A field that is read off a payload's text at a glance is what parsing all of it gives, whatever the payload holds."""

import json
from collections.abc import Iterator
from typing import Final

import pytest

from temple_ledger.domain.catalogue import CATALOGUE, EventType
from temple_ledger.domain.errors import UndecodableEvent
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.projections.testing.histories import at

FIELDS: Final = ("granted_by", "by", "how", "reason")
VALUES: Final = (
    '"mod"',
    '""',
    "null",
    "7",
    "1.5",
    "true",
    '["mod"]',
    '{"granted_by": "mod"}',
    '{"by": "mod", "how": "role deleted"}',
    '"a \\"quoted\\" one"',
    '"a \\\\ and a \\n"',
    '"\\u0001by\\u0001"',
    '"event_version"',
    '"granted_by"',
    '"{ by: mod }"',
    '"by\\": \\"x"',
    '": "',
    '"größer 🏛"',
    json.dumps("m" * 100),
    json.dumps("m" * 101),
    json.dumps("m" * 400),
)
OTHERS: Final = (
    '"audit_entry": "1336098006312725923"',
    '"reason": "weekly quest"',
    '"a": "granted_by", "zzzzzzzzzzzzz": "by"',
    '"a": {"granted_by": "other", "by": "other", "how": "other", "reason": "other"}',
    '"zzzzzzzzzzzzz": [{"granted_by": "other"}, {"by": "other"}]',
    '"a\\"granted_by\\": \\"other": "x"',
    '"event_version": 1',
    '"event_version": 2',
    '"event_version": "one"',
    # few bytes where they are stored, and more digits than are parsed
    '"big": 1e5000',
    f'"deep": {"[" * 250}{"]" * 250}',
    f'"long": {json.dumps("x" * 300)}',
)
WHOLE: Final = (
    "null",
    "[]",
    '["granted_by", "by", "how"]',
    '[{"granted_by": "mod"}]',
    '["event_version"]',
    '"granted_by"',
    '"{\\"by\\": \\"mod\\"}"',
    "5",
    "1e5000",
    "{}",
    '{"Granted_by": "mod"}',
    '{"by": "mod", "how": "role deleted"}',
    '{"by": 5, "how": "role deleted"}',
    '{"reason": "ban", "by": "mod"}',
)


def payloads() -> Iterator[str]:
    yield from WHOLE
    yield from ("{" + other + "}" for other in OTHERS)
    for field in FIELDS:
        for value in VALUES:
            yield f'{{"{field}": {value}}}'
            yield from (f'{{"{field}": {value}, {other}}}' for other in OTHERS)


@pytest.fixture
def texts(database: Database) -> list[str]:
    """As the log sends them, and as a writer of JSON would that leaves out the spaces."""
    with database.connect(DatabaseRole.READ) as connection:
        rows = connection.execute("select text::jsonb::text from unnest(%s::text[]) as text", ([*payloads()],))
        sent = [text for (text,) in rows]
    assert len(sent) > 1_000
    return [*sent, *(text.replace(": ", ":") for text in sent)]


@pytest.mark.parametrize("name", ["discord_role_change/added", "discord_role_change/removed", "discord_leave/left"])
def test_it_is_the_same_event_or_the_same_refusal(texts: list[str], name: str) -> None:
    known = next(each for each in CATALOGUE if each.name == name)
    checked = {text: outcome(known, text, checked=True) for text in texts}
    assert [text for text in texts if outcome(known, text) != checked[text]] == []
    assert len({each for each in checked.values() if isinstance(each, str)}) > 3


def outcome(known: EventType, text: str, *, checked: bool = False) -> dict[str, object] | str:
    row = Recorded(Position(7), at(1), known.event_type, "ada", known.action, "Oracle", text, "elsewhere")
    try:
        event = known._checked(row) if checked else known.decode_into_slots(row)
    except UndecodableEvent as error:
        return str(error)
    return {name: getattr(event, name) for name in known.model.model_fields}
