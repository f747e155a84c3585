"""The peer: the same events in the `eventsourcing` library's own Postgres application, projected as it projects.

Its application recorder, its subscription, its ProjectionRunner and its PostgresTrackingRecorder, in their default
settings: a table lock and a NOTIFY with every append, one transaction for each event that is projected. Its view keeps
the roles alone, so it does less than ours, which also keeps the members' status and the tally.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL
from pydantic_core import from_json

from bench.history import entries
from bench.site import rows, tidy
from temple_ledger.domain.log_entry import LogEntry

SAVED_AT_ONCE: Final = 500
WAIT_SECONDS: Final = 1_800


@dataclass(frozen=True)
class RoleGranted(DomainEvent):
    user_id: str
    role: str
    granted_by: str | None


@dataclass(frozen=True)
class RoleRevoked(DomainEvent):
    user_id: str
    role: str


@dataclass(frozen=True)
class Happened(DomainEvent):
    """Anything else."""

    user_id: str
    event_type: str
    action: str
    target: str | None
    source: str


class Guild(Application[UUID]):
    pass


class RolesView(PostgresTrackingRecorder):
    def __init__(self, datastore: PostgresDatastore, **named: Any) -> None:
        super().__init__(datastore, **named)
        self.sql_create_statements += [
            SQL(
                "create table if not exists current_roles ("
                'user_id varchar(100) collate "C" not null, '
                'role varchar(100) collate "C" not null, '
                "granted_at timestamptz not null, "
                'granted_by varchar(100) collate "C", '
                "last_verified timestamptz default now(), "
                "primary key (user_id, role))"
            ).format(),
            SQL("create index if not exists current_roles_role on current_roles (role)").format(),
        ]

    def grant(self, event: RoleGranted, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "insert into current_roles (user_id, role, granted_at, granted_by) values (%s, %s, %s, %s) "
                "on conflict (user_id, role) do update set granted_at = excluded.granted_at, "
                "granted_by = coalesce(excluded.granted_by, current_roles.granted_by), last_verified = now()",
                (event.user_id, event.role, event.timestamp, event.granted_by),
                prepare=True,
            )

    def revoke(self, event: RoleRevoked, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "delete from current_roles where user_id = %s and role = %s",
                (event.user_id, event.role),
                prepare=True,
            )


class Roles(Projection[RolesView]):
    name = "roles"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.insert_tracking(tracking)

    @process_event.register
    def _(self, domain_event: RoleGranted, tracking: Tracking) -> None:
        self.view.grant(domain_event, tracking)

    @process_event.register
    def _(self, domain_event: RoleRevoked, tracking: Tracking) -> None:
        self.view.revoke(domain_event, tracking)


def environment(dsn: str, **settings: str) -> dict[str, str]:
    place = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(place["dbname"]),
        "POSTGRES_HOST": str(place["host"]),
        "POSTGRES_PORT": str(place["port"]),
        "POSTGRES_USER": str(place["user"]),
        "POSTGRES_PASSWORD": "",
        **settings,
    }


def make_tables(dsn: str) -> None:
    """Once: applications that do it side by side get into each other's way."""
    with Guild(environment(dsn, CREATE_TABLE="yes")):
        pass


def event_of(entry: LogEntry, originator_id: UUID, version: int) -> DomainEvent:
    kind, timestamp, user_id = (entry.event_type, entry.action), entry.timestamp, entry.user_id
    if entry.target is not None and kind == ("discord_role_change", "added"):
        by = from_json(entry.metadata).get("granted_by") if entry.metadata else None
        return RoleGranted(originator_id, version, timestamp, user_id, entry.target, by)
    if entry.target is not None and kind == ("discord_role_change", "removed"):
        return RoleRevoked(originator_id, version, timestamp, user_id, entry.target)
    return Happened(
        originator_id, version, timestamp, user_id, entry.event_type, entry.action, entry.target, entry.source
    )


def project(dsn: str, path: Path, number: int) -> float:
    """Seconds that the library's runner takes for the first *number* events of the file, saved beforehand."""
    events = _different(path, number)
    env = environment(dsn)
    with Guild(env) as application:
        for start in range(0, len(events), SAVED_AT_ONCE):
            application.save(*events[start : start + SAVED_AT_ONCE])
        last = application.recorder.max_notification_id()
    tidy(dsn)
    started = perf_counter()
    with ProjectionRunner(application_class=Guild, projection_class=Roles, view_class=RolesView, env=env) as runner:
        runner.wait(last, timeout=WAIT_SECONDS)
        seconds = perf_counter() - started
    assert sorted(rows(dsn, "select user_id, role, granted_at from current_roles")) == sorted(_held(events))
    return seconds


def _different(path: Path, number: int) -> list[DomainEvent]:
    """Each event once, as versions of its member: what the library takes."""
    found: dict[UUID, LogEntry] = {}
    for entry in entries(path, 2 * number):
        found.setdefault(entry.event_id, entry)
    versions: Counter[str] = Counter()
    events = []
    for entry in list(found.values())[:number]:
        versions[entry.user_id] += 1
        events.append(event_of(entry, uuid5(NAMESPACE_OID, entry.user_id), versions[entry.user_id]))
    assert len(events) == number
    return events


def _held(events: Sequence[DomainEvent]) -> list[tuple[str, str, datetime]]:
    """What the view must say: roles in the order of arrival."""
    held: dict[tuple[str, str], datetime] = {}
    for event in events:
        if isinstance(event, RoleGranted):
            held[event.user_id, event.role] = event.timestamp
        elif isinstance(event, RoleRevoked):
            held.pop((event.user_id, event.role), None)
    return [(user_id, role, granted_at) for (user_id, role), granted_at in held.items()]
