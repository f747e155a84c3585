"""The ledger as an application of the library `eventsourcing`; docs/eventsourcing.md shows it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.projection import ApplicationSubscription, Projection, ProjectionRunner

from temple_ledger import (
    CheckpointTrackingRecorder,
    LedgerFactory,
    ProjectionCheckpoint,
    RoleAdded,
    TempleLedger,
    members,
    under_the_library,
)


def ledger_at(url: str) -> TempleLedger:
    return TempleLedger({"TEMPLE_DATABASE_URL": url})


def grant(ledger: TempleLedger, user_id: str, role: str, when: datetime) -> int:
    """Appends an event of the catalogue; its position. The same fact again gives the position that it has."""
    (recording,) = ledger.save(RoleAdded(user_id=user_id, occurred_at=when, source="bot", role=role))
    return recording.notification.id


def follow(ledger: TempleLedger, after: int) -> Iterator[tuple[int, str]]:
    """Every event behind a position as soon as it is settled, for ever."""
    with ApplicationSubscription(ledger, gt=after) as subscription:
        for event, tracking in subscription:
            yield tracking.notification_id, type(event).__name__


class GrantsByRole(CheckpointTrackingRecorder):
    """A view in the ledger's database: its rows and its tracking are one transaction."""

    tables = (
        "create table if not exists grants_by_role (role text primary key, grants bigint not null)",
        "grant select, insert, update on grants_by_role to temple_project",
    )

    def count(self, role: str, tracking: Tracking) -> None:
        with self.tracked(tracking) as cursor:
            cursor.execute(
                "insert into grants_by_role values (%s, 1) "
                "on conflict (role) do update set grants = grants_by_role.grants + 1",
                (role,),
            )

    def grants(self, role: str) -> int:
        with self.transaction() as cursor:
            row = cursor.execute("select grants from grants_by_role where role = %s", (role,)).fetchone()
            return 0 if row is None else int(row[0])


class CountGrants(Projection[GrantsByRole]):
    name = "grants_by_role"
    topics = ("discord_role_change/added",)

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """A row that cannot be decoded comes as an UndecodableRow."""
        self.view.insert_tracking(tracking)

    @process_event.register
    def _(self, event: RoleAdded, tracking: Tracking) -> None:
        self.view.count(event.role, tracking)


def count_grants(url: str) -> ProjectionRunner[TempleLedger, GrantsByRole]:
    return ProjectionRunner(
        application_class=TempleLedger,
        projection_class=CountGrants,
        view_class=GrantsByRole,
        env={"TEMPLE_DATABASE_URL": url, "PERSISTENCE_MODULE": LedgerFactory.__module__},
    )


class Newest(POPOTrackingRecorder):
    """A view in memory, or in a database of its own: the ledger's is not the only place."""

    def __init__(self) -> None:
        super().__init__()
        self.user_id: str | None = None

    def set(self, user_id: str, tracking: Tracking) -> None:
        with self._database_lock:
            self._insert_tracking(tracking)
            self.user_id = user_id


class FollowNewest(Projection[Newest]):
    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.set(domain_event.originator_id, tracking)


def follow_newest(url: str) -> ProjectionRunner[TempleLedger, Newest]:
    return ProjectionRunner(
        application_class=TempleLedger,
        projection_class=FollowNewest,
        view_class=Newest,
        env={"TEMPLE_DATABASE_URL": url},
    )


def fold_members(url: str) -> ProjectionRunner[TempleLedger, ProjectionCheckpoint]:
    """A projection of ours under the library's runner: the same rows, an event at a time."""
    return ProjectionRunner(
        application_class=TempleLedger,
        projection_class=under_the_library(members),
        view_class=ProjectionCheckpoint,
        env={"TEMPLE_DATABASE_URL": url, "PERSISTENCE_MODULE": LedgerFactory.__module__},
    )
