"""Facts to append, and what is in the log afterwards."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

INSERT = """
    insert into webhook_audit_log (event_id, event_type, user_id, action, source)
    values (gen_random_uuid(), 'discord_join', %(user_id)s, 'joined', 'discord')
    returning id
"""


def joined(user_id: str = "ada", minute: int = 0, **columns: Any) -> LogEntry:
    entry = LogEntry(
        event_id=uuid4(),
        timestamp=NOON + timedelta(minutes=minute),
        event_type="discord_join",
        user_id=user_id,
        action="joined",
        target=None,
        metadata=None,
        source="discord",
    )
    return entry._replace(**columns)


def line(user_id: str = "ada", minute: int = 0, **columns: Any) -> dict[str, Any]:
    """As it is imported; a column that is given as ... is left out."""
    found: dict[str, Any] = {
        "event_id": str(uuid4()),
        "timestamp": (NOON + timedelta(minutes=minute)).isoformat(),
        "event_type": "discord_join",
        "user_id": user_id,
        "action": "joined",
        "target": None,
        "metadata": None,
        "source": "discord",
        **columns,
    }
    return {name: value for name, value in found.items() if value is not ...}


def as_lines(*objects: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in objects)


def rows(database: Database, columns: str = "id") -> list[Any]:
    """Of the whole log, by position; single values where one column is asked for."""
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute(f"select {columns} from webhook_audit_log order by id".encode()).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]
