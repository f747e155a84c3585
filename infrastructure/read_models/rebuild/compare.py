"""What a rebuild would change, member by member, before anything changes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.database.rebuilt_tables import members_that_differ
from temple_ledger.infrastructure.database.shadow_tables import shadow_of
from temple_ledger.infrastructure.database.table_queries import count_members, stored_counts
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.infrastructure.read_models.member_log.fold_members import fold_members, members_touched
from temple_ledger.infrastructure.read_models.member_log.recount import recount
from temple_ledger.infrastructure.read_models.rebuild.given_up import read_given_up
from temple_ledger.infrastructure.read_models.rebuild.progress import counted
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.drift import Drift, member_drift, tally_drift
from temple_ledger.projections.lanes import bounded
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed
from temple_ledger.projections.tables import Rows
from temple_ledger.projections.tally import Tally

MEMBERS_AT_A_TIME: Final = 1_000

Connection = psycopg.Connection[Any]
Each = Callable[[Drift], None]
"""Given every single difference, a member at a time."""


@dataclass
class ShownDifference:
    """The difference between the tables that are read and the rebuilt ones, as it was when it was looked at:
    under this epoch, at this position of the checkpoint.

    `members` have other rows; `moved` have the same rows and another frontier, which nobody sees. `stored_members` is
    how many members the tables that are read have; where there are none, everything is new and nobody is named.
    """

    epoch: int
    position: Position
    members: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    changes: int = 0
    stored_members: int = 0
    new_members: int = 0

    @property
    def changed(self) -> int:
        """How many members get other rows."""
        return len(self.members) + self.new_members

    def add(self, user_id: str, drifts: Sequence[Drift], each: Each) -> None:
        if not drifts:
            self.moved.add(user_id)
            return
        self.members.add(user_id)
        self.changes += len(drifts)
        for drift in drifts:
            each(drift)


def compare_members(
    connection: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    checkpoint: Checkpoint,
    position: Position,
    each: Each,
) -> ShownDifference:
    """The shadow tables have *position*; members with newer events are folded up to the checkpoint here.

    Within a transaction whose snapshot decides what is seen.
    """
    projection = placed(projection, checkpoint)
    shown = ShownDifference(
        checkpoint.epoch, checkpoint.position, stored_members=count_members(connection, projection.tables)
    )
    if shown.stored_members == 0:
        shown.new_members = counted(connection, projection)
        shown.changes = shown.new_members
        return shown
    given_up = read_given_up(connection, projection.key)
    touched = set(members_touched(connection, position, checkpoint.furthest)) - given_up.keys()
    changed = (user_id for user_id in changed_members(connection, projection) if user_id not in touched)
    for page in in_pages(changed, MEMBERS_AT_A_TIME):
        stored = tables.rows_of_members(connection, projection.tables, page)
        rebuilt = rebuilt_rows(connection, projection, page)
        for user_id in page:
            shown.add(user_id, drifts_of(projection, user_id, stored[user_id], rebuilt[user_id]), each)
    for page in in_pages(sorted(touched), MEMBERS_AT_A_TIME):
        stored = tables.rows_of_members(connection, projection.tables, page)
        for user_id, folded, _ in fold_members(
            connection, projection, catalogue, page, checkpoint.furthest, bounded({}, checkpoint)
        ):
            shown.add(user_id, drifts_of(projection, user_id, stored[user_id], folded.rows), each)
    return shown


def compare_counts(
    connection: Connection,
    tally: Tally,
    catalogue: Catalogue,
    checkpoint: Checkpoint,
    position: Position,
    each: Each,
) -> ShownDifference:
    tally = placed(tally, checkpoint)
    shown = ShownDifference(checkpoint.epoch, checkpoint.position)
    stored = stored_counts(connection, tally.table)
    rebuilt = stored_counts(connection, shadow_of(tally.table))
    left_out = read_exceptions(connection, tally.key).left_out
    newer = recount(connection, tally, after=position, upto=checkpoint.position, left_out=left_out, catalogue=catalogue)
    for key, number in newer.increments.items():
        rebuilt[key] = rebuilt.get(key, 0) + number
    for drift in tally_drift(tally.name, tally.table, stored, rebuilt):
        shown.changes += 1
        each(drift)
    return shown


def drifts_of(projection: MemberProjection[Any], user_id: str, stored: Rows, folded: Rows) -> list[Drift]:
    return list(member_drift(projection.name, projection.tables, user_id, stored, folded))


def rebuilt_rows(
    connection: Connection, projection: MemberProjection[Any], user_ids: Sequence[str]
) -> dict[str, dict[str, list[Any]]]:
    """From the shadow tables."""
    return tables.rows_of_members(connection, map(shadow_of, projection.tables), user_ids)


def changed_members(connection: Connection, projection: MemberProjection[Any]) -> Iterator[str]:
    """Members whose rows or frontier are other in the shadow tables; compared by the database."""
    with connection.cursor("changed_members") as cursor:
        cursor.itersize = MEMBERS_AT_A_TIME
        cursor.execute(members_that_differ(projection.tables), projection.key.parameters)
        for (user_id,) in cursor:
            yield user_id
