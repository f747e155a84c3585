"""Histories that questions are asked about."""

from datetime import datetime
from uuid import UUID, uuid4

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import Event
from temple_ledger.domain.events import RoleAdded, RoleCreated, RoleDeleted, RoleRenamed
from temple_ledger.domain.log_entry import entry_of_event
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import append_within
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import DAY_ONE, at, joined

UNFOLDABLE = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
    values (gen_random_uuid(), %s, 'discord_role_change', %s, 'added', null, '{}', 'elsewhere')
    returning id
"""


def role_created(role: str, name: str, when: datetime = DAY_ONE) -> RoleCreated:
    return RoleCreated(user_id="guild", occurred_at=when, source="discord", role=role, name=name)


def role_renamed(role: str, name: str, when: datetime = DAY_ONE) -> RoleRenamed:
    return RoleRenamed(user_id="guild", occurred_at=when, source="discord", role=role, name=name)


def role_deleted(role: str, when: datetime = DAY_ONE) -> RoleDeleted:
    return RoleDeleted(user_id="guild", occurred_at=when, source="discord", role=role)


def unfoldable(database: Database, user_id: str, when: datetime | str) -> Position:
    """A row that our own append would refuse: a role added, but which?"""
    with database.connect(DatabaseRole.APPEND) as connection:
        row = connection.execute(UNFOLDABLE, (when, user_id)).fetchone()
        assert row is not None
        return Position(row[0])


def altered(database: Database, statement: str) -> None:
    """What somebody with too many rights does to a derived table by hand."""
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(statement.encode())


def now(database: Database) -> datetime:
    """By the clock that says when events were recorded."""
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select clock_timestamp()").fetchone()
        assert row is not None
        found: datetime = row[0]
        return found


def append(ledger: LedgerScenario, event: Event, **notes: str) -> tuple[UUID, Position]:
    """With *notes* as metadata, the event's own or further."""
    event_id = uuid4()
    own = {name: value for name, value in notes.items() if name in type(event).model_fields}
    event, notes = event.model_copy(update=own), {name: notes[name] for name in notes.keys() - own.keys()}
    with ledger.database.connect(DatabaseRole.APPEND) as connection:
        (outcome,) = append_within(
            connection, [entry_of_event(event, event_id=event_id, notes=notes, catalogue=CATALOGUE)]
        )
    return event_id, outcome.position


def append_twice(ledger: LedgerScenario, event: Event, by: str = "eve", *, between: int = 0) -> list[Position]:
    """First without an actor, then, after so many other events, with one."""
    event_id, first = append(ledger, event)
    ledger.given(*(joined(f"other {number}", at(1)) for number in range(between)))
    name = "granted_by" if isinstance(event, RoleAdded) else "by"
    return [first, append(ledger, event, attributes=str(event_id), **{name: by})[1]]
