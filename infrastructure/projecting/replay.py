"""Replay: fold everything again and put the result in place, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from domain.catalogue import CATALOGUE, Catalogue
from domain.position import Position
from infrastructure.database.connection import Database, Role
from infrastructure.database.statements import statement
from infrastructure.projecting.operations import record
from infrastructure.projecting.recount import recount, stored_counts
from infrastructure.projecting.settled import settled_head
from infrastructure.projecting.transaction import PostgresTransaction
from infrastructure.projecting.walk import walk
from projections.batch import Failure
from projections.checkpoint import ProjectionState
from projections.difference import Changes
from projections.drift import Drift, member_drift, tally_drift
from projections.fold import Frontier
from projections.processor import Projection
from projections.tally import Tally

MEMBERS_AT_A_TIME: Final = 2_000
MOST_LISTED: Final = 1_000


@dataclass
class Replayed:
    """What a replay changed, or would change. `listed` holds at most the first thousand differences."""

    projection: str
    position: Position
    members: int = 0
    changed_members: int = 0
    changes: int = 0
    listed: list[Drift] = field(default_factory=list)
    parked: int = 0
    applied: bool = False

    def found(self, drifts: list[Drift]) -> None:
        if drifts:
            self.changed_members += 1
            self.changes += len(drifts)
            self.listed += drifts[: MOST_LISTED - len(self.listed)]


def replay(
    database: Database,
    projection: Projection,
    *,
    apply: bool,
    reason: str | None = None,
    catalogue: Catalogue = CATALOGUE,
    progress: Callable[[int], None] = lambda members: None,
) -> Replayed:
    """Of everything that is settled in the log. Readers keep the old rows until the end, the runner waits."""
    with database.connect(Role.PROJECT, application="temple replay") as connection:
        upto = settled_head(connection)
        with connection.transaction():
            transaction = PostgresTransaction(connection)
            before = transaction.lock_checkpoint(projection.name)
            replayed = Replayed(projection.name, max(upto, Position(0)))
            counted = _fold_all(transaction, projection, replayed, apply, catalogue, progress)
            if apply:
                row = connection.execute(statement("log_count"), {"after": 0, "upto": upto}).fetchone()
                passed = int(row[0]) if row else 0
                state = before.state if before.state is ProjectionState.PAUSED else ProjectionState.RUNNING
                placed = {
                    "projection": projection.name,
                    "version": projection.version,
                    "position": upto,
                    "passed": passed,
                    "counted": counted,
                    "state": state.value,
                }
                connection.execute(statement("checkpoint_replace"), placed)
                connection.execute(
                    statement("journal_append"),
                    {"projection": projection.name, "position": upto, "events": max(0, passed - before.passed)},
                )
                details = {
                    "position_before": before.position,
                    "position": upto,
                    "version_before": before.version,
                    "version": projection.version,
                    "members": replayed.members,
                    "changed_members": replayed.changed_members,
                    "changes": replayed.changes,
                }
                record(connection, "replay", projection.name, reason=reason, details=details)
                replayed.applied = True
        return replayed


def _fold_all(
    transaction: PostgresTransaction,
    projection: Projection,
    replayed: Replayed,
    apply: bool,
    catalogue: Catalogue,
    progress: Callable[[int], None],
) -> int:
    """What a tally counted; 0 for members."""
    connection = transaction.connection
    skipped = transaction.exceptions(projection.name).skipped
    if apply:
        connection.execute(statement("failure_delete_all"), {"projection": projection.name})
    if isinstance(projection, Tally):
        return _recount_all(connection, transaction, projection, replayed, skipped, apply)
    changes, frontiers = Changes(), dict[str, Frontier | None]()
    failures: list[Failure] = []

    def put() -> None:
        if apply:
            transaction.write(projection.tables, changes)
            transaction.move_frontiers(projection.name, frontiers)
            transaction.park(projection.name, failures)
        changes.upserts.clear()
        changes.deletes.clear()
        frontiers.clear()
        replayed.parked += len(failures)
        failures.clear()

    for member in walk(connection, projection, upto=replayed.position, skipped=skipped, catalogue=catalogue):
        after = projection.rows(member.folded.state)
        replayed.members += bool(after)
        changes.add_member(projection.tables, member.user_id, member.stored.rows, after)
        replayed.found(
            list(member_drift(projection.name, projection.tables, member.user_id, member.stored.rows, after))
        )
        if member.folded.frontier != member.stored.frontier:
            frontiers[member.user_id] = member.folded.frontier
        if member.folded.parked_at is not None:
            failures.append(Failure(member.folded.parked_at, member.user_id, member.folded.error or "unknown"))
        if replayed.members % MEMBERS_AT_A_TIME == 0:
            put()
            progress(replayed.members)
    put()
    return 0


def _recount_all(
    connection: psycopg.Connection[Any],
    transaction: PostgresTransaction,
    tally: Tally,
    replayed: Replayed,
    skipped: frozenset[Position],
    apply: bool,
) -> int:
    stored = stored_counts(connection, tally.table)
    total = recount(connection, tally, upto=replayed.position, skipped=skipped)
    folded = {key: number for key, number in total.increments.items() if number}
    for drift in tally_drift(tally.name, tally.table, stored, folded):
        replayed.found([drift])
    replayed.members = len(folded)
    if apply:
        missing = {
            key: folded.get(key, 0) - stored.get(key, 0)
            for key in folded.keys() | stored.keys()
            if folded.get(key, 0) != stored.get(key, 0)
        }
        transaction.add(tally.table, missing)
        transaction.park(tally.name, total.failures)
    replayed.parked = len(total.failures)
    return total.counted


