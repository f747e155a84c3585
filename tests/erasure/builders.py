"""What is left of a person, looked for as somebody would who has the database and a list of all ids."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5

from psycopg import sql

from temple_ledger.domain import log_entry
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.log_entry import LogEntry, entry_of
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.processes.personal_tables import personal_tables
from temple_ledger.infrastructure.read_models.erasure.erase import Erased, erase
from temple_ledger.infrastructure.sources.discord import change
from temple_ledger.infrastructure.sources.patreon import membership_event
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.processor import Projection

PERSON: Final = "1141786282152368982"
OTHER: Final = "1141786282152368983"
MODERATOR: Final = "1141786282152368999"
ROLE: Final = "400000000000000001"
NAMESPACES: Final = (log_entry.NAMESPACE, change.NAMESPACE, membership_event.NAMESPACE)


def erased(
    database: Database,
    user_id: str = PERSON,
    *,
    projections: Sequence[Projection] = BUILT_IN,
    reason: str = "asked us to",
) -> Erased:
    return erase(database, [user_id], projections, CATALOGUE, personal_tables(), by="test", reason=reason)


def line(user_id: str, action: str, when: datetime, target: str | None = None, **metadata: Any) -> LogEntry:
    """As an import without event_ids makes it: the id is a hash of the line."""
    types = {"joined": "discord_join", "left": "discord_leave", "added": "discord_role_change"}
    columns = {
        "timestamp": format_instant(when),
        "event_type": types.get(action, "forum_post"),
        "action": action,
        "user_id": user_id,
        "target": target,
        "metadata": metadata,
        "source": "discord",
    }
    return entry_of(columns, CATALOGUE)


def values(database: Database) -> Iterator[tuple[str, str]]:
    """Every row of every table as a text, bytes as they are read by people; with the name of its table."""
    with database.connect(DatabaseRole.LOGIN) as connection:
        found = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (table,) in found:
            rows = sql.SQL("select whole::text from {} as whole").format(sql.Identifier(table))
            for (row,) in connection.execute(rows):
                yield table, row
        for (body,) in connection.execute("select encode(body, 'escape') from inbox"):
            yield "inbox", body


def found_in(database: Database, *needles: str) -> set[str]:
    """Tables where one of them stands."""
    return {table for table, row in values(database) if any(needle in row for needle in needles)}


def guessed(database: Database, ids: Iterable[str], keys: Sequence[str] = ()) -> set[str]:
    """Which of *ids* can be found by trying all: as they are, as a hash of them, or as the event_id of what is left of
    an event once the id is put back into it. *keys* are texts of which ids of events are made, with {} for the id."""
    everything = "\n".join(row for _, row in values(database))
    with database.connect(DatabaseRole.READ) as connection:
        events = connection.execute(
            "select event_id, timestamp, event_type, action, user_id, target, metadata, source from webhook_audit_log"
        ).fetchall()
    return {each for each in ids if any(trace in everything for trace in _traces(each, events, keys))}


def _traces(user_id: str, events: Sequence[tuple[Any, ...]], keys: Sequence[str]) -> Iterator[str]:
    yield user_id
    yield sha256(user_id.encode()).hexdigest()
    for key in keys:
        yield str(uuid5(change.NAMESPACE, f"discord:{key.format(user_id)}"))
    first = uuid5(membership_event.NAMESPACE, user_id)
    yield str(first)
    for namespace in NAMESPACES:
        yield str(uuid5(namespace, user_id))
    for event_id, timestamp, event_type, action, owner, target, metadata, source in events:
        yield str(_chained(first, user_id, metadata))
        for owner_then in {user_id, owner}:
            columns = {
                "timestamp": format_instant(timestamp),
                "event_type": event_type,
                "action": action,
                "user_id": owner_then,
                "target": target,
                "metadata": _with_actor(metadata, user_id),
                "source": source,
            }
            if user_id in str(columns) and entry_of(columns, CATALOGUE).event_id == event_id:
                yield str(event_id)


def _chained(previous: UUID, user_id: str, metadata: dict[str, Any] | None) -> UUID:
    notes = metadata or {}
    return uuid5(previous, json.dumps([user_id, notes.get("standing"), notes.get("tier_id")]))


def _with_actor(metadata: dict[str, Any] | None, user_id: str) -> dict[str, Any]:
    return {name: user_id if "erased:" in str(value) else value for name, value in (metadata or {}).items()}
