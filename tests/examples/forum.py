"""The second example of docs/writing-an-adapter.md: a forum that sends the badges of a member, never what changed."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import psycopg

from temple_ledger import (
    Delivery,
    Event,
    InboxDelivery,
    LogEntry,
    Outcome,
    RoleAdded,
    RoleRemoved,
    Settings,
    Translation,
    digest_of,
    entry_of_event,
    store,
)

SOURCE = "forum"
BADGES = UUID("c5c8e7de-0ed4-4f9b-8a3f-90c2d9a41d77")

TABLE = """
    create table if not exists forum_badges (member text primary key, badges text[] not null, changes bigint not null);
    grant select, insert, update on forum_badges to temple_translate;
"""
"""Run once by whoever owns the database."""


def receive(connection: psycopg.Connection[Any], kind: str, body: bytes, now: datetime) -> None:
    """What came over the wire, verified; commits as *connection* does. Only after that the forum gets its 200."""
    store(connection, [Delivery(SOURCE, kind, body, digest_of(kind.encode(), body), received_at=now)])


class ForumTranslator:
    source = SOURCE

    def translate(self, connection: psycopg.Connection[Any], delivery: InboxDelivery) -> Translation:
        if delivery.kind != "badges":
            return Translation(state=Outcome.SET_ASIDE, note="not about badges")
        try:
            posted = json.loads(delivery.body)
            member, now = str(posted["member"]), sorted(map(str, posted["badges"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return Translation(state=Outcome.UNPARSEABLE)
        before, changes = _before(connection, member)
        if now == before:
            return Translation(note="nothing new")
        connection.execute(
            "insert into forum_badges values (%(member)s, %(badges)s, %(changes)s) on conflict (member) do update "
            "set badges = excluded.badges, changes = excluded.changes",
            {"member": member, "badges": now, "changes": changes + 1},
        )
        return Translation([_entry(event, changes + 1) for event in _difference(member, before, now, delivery)])

    def due(self, connection: psycopg.Connection[Any], now: datetime) -> Sequence[LogEntry]:
        return []


def forum_translator(_: Settings) -> ForumTranslator:
    """What the entry point names."""
    return ForumTranslator()


def _before(connection: psycopg.Connection[Any], member: str) -> tuple[list[str], int]:
    row = connection.execute("select badges, changes from forum_badges where member = %s", [member]).fetchone()
    return (row[0], row[1]) if row else ([], 0)


def _difference(member: str, before: Sequence[str], now: Sequence[str], delivery: InboxDelivery) -> Iterator[Event]:
    for badge in now:
        if badge not in before:
            yield RoleAdded(user_id=member, occurred_at=delivery.received_at, source=SOURCE, role=badge)
    for badge in before:
        if badge not in now:
            yield RoleRemoved(user_id=member, occurred_at=delivery.received_at, source=SOURCE, role=badge)


def _entry(event: Event, change: int) -> LogEntry:
    """The same change has the same id, however often it is translated; the same badge again later has another."""
    assert isinstance(event, RoleAdded | RoleRemoved)
    name = f"{event.user_id}/{change}/{type(event).__name__}/{event.role}"
    return entry_of_event(event, event_id=uuid5(BADGES, name))
