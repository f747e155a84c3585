"""The short part of a rebuild: the difference and the checkpoint put in place, in one transaction, under the lock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.database.rebuilt_tables import put_in_place, remove_from_shadows
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.feed.outbox import count_passed_by_replay
from temple_ledger.infrastructure.read_models.member_log.fold_members import fold_members, members_touched
from temple_ledger.infrastructure.read_models.member_log.recount import recount
from temple_ledger.infrastructure.read_models.operations import record
from temple_ledger.infrastructure.read_models.rebuild.compare import (
    MEMBERS_AT_A_TIME,
    ShownDifference,
    changed_members,
    drifts_of,
    rebuilt_rows,
)
from temple_ledger.infrastructure.read_models.rebuild.folded_chunk import FoldedChunk
from temple_ledger.infrastructure.read_models.rebuild.given_up import read_given_up
from temple_ledger.infrastructure.read_models.rebuild.piece_writer import put_counts
from temple_ledger.infrastructure.read_models.rebuild.progress import counted, note_lanes, require_same_left_out
from temple_ledger.infrastructure.read_models.runner.journal import close_journal
from temple_ledger.infrastructure.read_models.runner.lanes import hold
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.infrastructure.read_models.shortened_log import (
    end_at_or_before,
    shorten_journal,
    void_what_is_lost,
)
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.fingerprint import reads_of
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.standing import reads_otherwise
from temple_ledger.projections.tally import Tally

FEW_MEMBERS: Final = 10
"""So many may always change: in a small community, a share means little."""
FOLDED_AT_A_TIME: Final = 200
"""Folded between two statements: an open transaction that is idle for long is ended by the database."""
LOOK: Final = "look at them (temple replay without --apply), then allow it with --max-change 100%"

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Limit:
    """At most this share of the members may change, and at most so many; None is no limit."""

    share: float | None = 0.05
    members: int | None = None

    def require(self, changed: int, stored_members: int) -> None:
        """Raises Refused. Where nothing is stored yet, nobody loses anything."""
        if self.members is not None and changed > self.members:
            raise Refused(
                f"{changed:,} members would change, and {self.members:,} were to when this replay began; {LOOK}"
            )
        if self.share is None or stored_members == 0 or changed <= max(FEW_MEMBERS, self.share * stored_members):
            return
        raise Refused(f"{changed:,} of {stored_members:,} members would change, more than {self.share:.0%}; {LOOK}")


USUAL: Final = Limit()


@dataclass(frozen=True)
class AppliedRebuild:
    position: Position
    changed_members: int


def apply_members(
    connection: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    position: Position,
    shown: ShownDifference,
    limit: Limit,
    by: str,
    reason: str | None,
    *,
    beyond: bool = False,
) -> AppliedRebuild:
    """Raises Refused when more members than *limit* would change, counting those whose change was not shown.

    *beyond*: the checkpoint stood above the end of the log before anything was appended to it again.
    """
    passed = count_log(connection, position)
    with connection.transaction():
        transaction = PostgresTransaction(connection)
        checkpoint = hold(transaction, projection, catalogue)
        apart = checkpoint.is_apart
        # lanes stand apart still where the rows of all are made by other rules now: all of them are replaced
        checkpoint = replace(checkpoint, position=checkpoint.furthest)
        # a switch may have given the tables other names since the rebuild began
        projection = placed(projection, checkpoint)
        require_same_left_out(connection, projection)
        upto = reached(connection, projection, position, checkpoint, beyond)
        touched = touched_members(connection, projection, position, upto)
        unseen = fold_anew(connection, projection, catalogue, touched, upto, shown)
        changed = {*shown.members, *shown.moved, *touched}
        if apart or checkpoint.epoch != shown.epoch or checkpoint.position != shown.position < position:
            more = set(changed_members(connection, projection)) - changed
            unseen += count_changed(connection, projection, sorted(more), shown)
            changed |= more
        number = shown.changed + unseen
        limit.require(number, shown.stored_members)
        only = None if apart or shown.new_members or len(changed) > shown.stored_members / 2 else sorted(changed)
        anew: set[str] = set()
        if transaction.is_followed(projection.key):
            anew.update(members_touched(connection, checkpoint.position, upto))
            if reads_otherwise(projection, checkpoint, catalogue) is not None:
                # the fold's meaning changed: what consumers have was true of the meaning before
                anew.update(changed_members(connection, projection))
        put_members(connection, projection, only)
        passed += count_log(connection, upto, after=position)
        conclude(transaction, projection, catalogue, checkpoint, upto, passed, number, sorted(anew), by, reason)
    return AppliedRebuild(upto, number)


def conclude(
    transaction: PostgresTransaction,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    checkpoint: Checkpoint,
    upto: Position,
    passed: int,
    changed: int,
    anew: Sequence[str],
    by: str,
    reason: str | None,
) -> None:
    """All that goes with the rows of everybody at once; consumers are given the rows of *anew* again."""
    connection = transaction.connection
    put_parked(connection, projection, None)
    transaction.reset(projection, anew, upto)
    count_passed_by_replay(connection, projection, Fold(projection, catalogue).names, checkpoint.position, upto)
    finish(connection, projection, catalogue, checkpoint, upto, passed, 0, changed, by, reason)


def apply_counts(
    connection: Connection,
    tally: Tally,
    catalogue: Catalogue,
    position: Position,
    shown: ShownDifference,
    by: str,
    reason: str | None,
    *,
    beyond: bool = False,
) -> AppliedRebuild:
    passed = count_log(connection, position)
    before = counted(connection, tally)
    with connection.transaction():
        transaction = PostgresTransaction(connection)
        checkpoint = transaction.lock_checkpoint(tally.key)
        tally = placed(tally, checkpoint)
        require_same_left_out(connection, tally)
        upto = reached(connection, tally, position, checkpoint, beyond)
        left_out = transaction.exceptions(tally.key).left_out
        newer = recount(connection, tally, after=position, upto=upto, left_out=left_out, catalogue=catalogue)
        put_counts(connection, tally, newer)
        put_in_place(connection, tally, tally.table, None)
        put_parked(connection, tally, None)
        passed += count_log(connection, upto, after=position)
        finish(
            connection, tally, catalogue, checkpoint, upto, passed, before + newer.counted, shown.changes, by, reason
        )
    return AppliedRebuild(upto, 0)


def put_members(connection: Connection, projection: MemberProjection[Any], user_ids: Sequence[str] | None) -> None:
    """Rows and frontiers; None is of all members."""
    for table in projection.tables:
        put_in_place(connection, projection, table, user_ids)
    for name in ("rebuild_frontier_remove", "rebuild_frontier_put"):
        connection.execute(statement(name), {**projection.key.parameters, "user_ids": user_ids})


def put_parked(connection: Connection, projection: Projection, user_ids: Sequence[str] | None) -> None:
    connection.execute(statement("rebuild_failure_put"), {**projection.key.parameters, "user_ids": user_ids})


def touched_members(
    connection: Connection, projection: MemberProjection[Any], position: Position, upto: Position
) -> Sequence[str]:
    """Who has events since the rebuilt *position*; but for those whose fold was given up."""
    given_up = read_given_up(connection, projection.key)
    return [each for each in members_touched(connection, position, upto) if each not in given_up]


def fold_anew(
    connection: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    user_ids: Sequence[str],
    upto: Position,
    shown: ShownDifference,
) -> int:
    """Members with newer events: folded again into the shadow tables. How many change that were not shown."""
    return sum(
        _fold_page(connection, projection, catalogue, page, upto, shown)
        for page in in_pages(user_ids, FOLDED_AT_A_TIME)
    )


def _fold_page(
    connection: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    user_ids: Sequence[str],
    upto: Position,
    shown: ShownDifference,
) -> int:
    stored = tables.rows_of_members(connection, projection.tables, user_ids)
    remove_from_shadows(connection, projection, user_ids)
    connection.execute(statement("rebuild_forget_members"), {**projection.key.parameters, "user_ids": list(user_ids)})
    piece, unseen = FoldedChunk(), 0
    for user_id, folded, events in fold_members(connection, projection, catalogue, user_ids, upto):
        piece.add(user_id, folded, events)
        if user_id not in shown.members and drifts_of(projection, user_id, stored[user_id], folded.rows):
            unseen += 1
    piece.put(connection, projection)
    return unseen


def count_changed(
    connection: Connection, projection: MemberProjection[Any], user_ids: Sequence[str], shown: ShownDifference
) -> int:
    changed = 0
    for page in in_pages(user_ids, MEMBERS_AT_A_TIME):
        stored = tables.rows_of_members(connection, projection.tables, page)
        rebuilt = rebuilt_rows(connection, projection, page)
        changed += sum(
            bool(drifts_of(projection, user_id, stored[user_id], rebuilt[user_id]))
            for user_id in page
            if user_id not in shown.members
        )
    return changed


def finish(
    connection: Connection,
    projection: Projection,
    catalogue: Catalogue,
    before: Checkpoint,
    position: Position,
    passed: int,
    counted: int,
    changed: int,
    by: str,
    reason: str | None,
) -> None:
    note_lanes(connection, projection.key, None)
    if before.state is ProjectionState.TRIGGER:
        # position and passed stay those of the time before: below the head, appends may be undecided
        connection.execute(statement("checkpoint_raise_epoch"), before.key.parameters)
    else:
        _move_checkpoint(connection, projection, catalogue, before, position, passed, counted)
    details = {
        "before": {"position": before.position, "version": before.version, "passed": before.passed},
        "after": {"position": position, "version": projection.version, "passed": passed},
        "changed": changed,
    }
    record(connection, "replay", projection.name, by=by, reason=reason, details=details)


def _move_checkpoint(
    connection: Connection,
    projection: Projection,
    catalogue: Catalogue,
    before: Checkpoint,
    position: Position,
    passed: int,
    counted: int,
) -> None:
    state = before.state if before.state is ProjectionState.PAUSED else ProjectionState.RUNNING
    connection.execute(
        statement("checkpoint_replace"),
        {
            **projection.key.parameters,
            "position": position,
            "passed": passed,
            "counted": counted,
            "state": state.value,
            "reads": reads_of(projection, catalogue),
        },
    )
    close_journal(connection, projection.key, position, passed)


def reached(
    connection: Connection, projection: Projection, position: Position, checkpoint: Checkpoint, beyond: bool
) -> Position:
    """The rebuilt position, or that of the runner where it is further; of a log that was cut, its end."""
    void_what_is_lost(connection, projection.key)
    if not beyond:
        return max(position, checkpoint.position)
    end = end_at_or_before(connection, checkpoint.position)
    shorten_journal(connection, projection.key, end)
    return max(position, end)


def count_log(connection: Connection, upto: Position, after: Position = Position(0)) -> int:
    if upto <= after:
        return 0
    row = connection.execute(statement("log_count"), {"after": after, "upto": upto}).fetchone()
    return int(row[0]) if row is not None else 0
