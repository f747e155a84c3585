"""Facts to append, and rows that no appender of ours would write."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from eventsourcing.persistence import StoredEvent

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import Event
from temple_ledger.domain.events import MemberJoined, RoleAdded
from temple_ledger.domain.log_entry import LogEntry, entry_of_event
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.eventsourcing_adapter.mapper import EventMapper

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def joined(user_id: str, minute: int = 0) -> MemberJoined:
    return MemberJoined(user_id=user_id, occurred_at=NOON + timedelta(minutes=minute), source="discord")


def role_added(user_id: str, role: str, minute: int = 1, granted_by: str | None = None) -> RoleAdded:
    return RoleAdded(
        user_id=user_id,
        occurred_at=NOON + timedelta(minutes=minute),
        source="discord",
        role=role,
        granted_by=granted_by,
    )


def stored(*events: Event) -> list[StoredEvent]:
    mapper = EventMapper(catalogue=CATALOGUE)
    return [mapper.to_stored_event(event) for event in events]


def entry(event: Event) -> LogEntry:
    return entry_of_event(event, event_id=uuid4(), catalogue=CATALOGUE)


INSERT = (
    "insert into webhook_audit_log "
    "(event_id, timestamp, event_type, user_id, action, target, metadata, source) values (%(event_id)s, "
    "%(timestamp)s, %(event_type)s, %(user_id)s, %(action)s, %(target)s, %(metadata)s, %(source)s) "
    "returning id"
)


def insert_undecodable(database: Database, user_id: str) -> int:
    """A granted role whose metadata is valid for PostgreSQL, and too much for Python."""
    row = entry(role_added(user_id, "Oracle"))._replace(metadata='{"n": ' + "1" * 5000 + "}")
    with database.connect(DatabaseRole.APPEND) as connection:
        inserted = connection.execute(INSERT, row._asdict()).fetchone()
    assert inserted is not None
    return int(inserted[0])


def positions(database: Database) -> Sequence[int]:
    with database.connect(DatabaseRole.READ) as connection:
        return [row[0] for row in connection.execute("select id from webhook_audit_log order by id")]


def cut_connections(database: Database) -> None:
    """As a server that restarts does, for those of the library."""
    with database.connect(DatabaseRole.LOGIN) as admin:
        admin.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where datname = current_database() and application_name = 'temple library'"
        )
