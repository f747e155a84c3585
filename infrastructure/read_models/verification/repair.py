"""Repair: only what drifted is folded again and put in place; only a plan until it is applied."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.rollups import (
    is_maintained,
    refill_rollup,
    rollup_drift,
    stored_rollups,
)
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.table_queries import stored_counts
from temple_ledger.infrastructure.read_models.member_log.fold_members import members_touched
from temple_ledger.infrastructure.read_models.member_log.recount import recount
from temple_ledger.infrastructure.read_models.operations import operation_on_rows, record
from temple_ledger.infrastructure.read_models.runner.fold_again import fold_again
from temple_ledger.infrastructure.read_models.runner.journal import close_journal, committed_position
from temple_ledger.infrastructure.read_models.runner.transaction import Connection, PostgresTransaction
from temple_ledger.infrastructure.read_models.shortened_log import (
    end_at_or_before,
    raise_sequence,
    shorten_journal,
    void_what_is_lost,
)
from temple_ledger.infrastructure.read_models.verification.proven_log import require_sealed
from temple_ledger.infrastructure.read_models.verification.result import Verified
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.drift import tally_drift
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.standing import why_not
from temple_ledger.projections.tally import Tally

MOST_MEMBERS: Final = 1_000
"""Above that, somebody should look first; a replay puts everybody right."""

FOLDED_AT_A_TIME: Final = 200


@dataclass
class Repaired:
    """`members` were put right, by `changes` rows. `count` is (before, after) where the passed events were recounted.

    `altered` names what no repair can mend: the log has another number of events there than were folded once.
    `rollups` were filled anew from their sources. `set_back` is (before, after) of a checkpoint that stood beyond the
    log.
    """

    projection: str
    members: int = 0
    changes: int = 0
    operation: int | None = None
    count: tuple[int, int] | None = None
    altered: list[str] = field(default_factory=list)
    rollups: list[str] = field(default_factory=list)
    set_back: tuple[Position, Position] | None = None
    voided_failures: list[Position] = field(default_factory=list)
    voided_skips: list[Position] = field(default_factory=list)


def repair(
    database: Database,
    projection: Projection,
    verified: Verified,
    *,
    by: str,
    reason: str,
    most_members: int = MOST_MEMBERS,
    catalogue: Catalogue,
    unasked: bool = False,
) -> Repaired:
    """Puts right what *verified* found, at the checkpoint as it is now; in one transaction, entered in the journal.

    *unasked*, only from what is sealed, after the whole log was proven; then it raises LogChanged where it is not.

    Raises Refused above *most_members*, and for rows of another version.
    """
    if verified.drifted_members > most_members:
        raise Refused(
            f"{verified.drifted_members:,} members of {projection.name} drifted, more than {most_members:,} to repair "
            f"one by one; look at them (temple verify show), then run: temple replay {projection.name}"
        )
    repaired = Repaired(projection.name)
    raise_sequence(database)
    with operation_on_rows(database, projection, catalogue) as (transaction, checkpoint):
        refusal = why_not(projection, checkpoint, catalogue)
        if refusal is not None:
            raise Refused(f"{projection.name}: {refusal}")
        projection = placed(projection, checkpoint)
        if unasked:
            require_sealed(transaction, verified.drifted, checkpoint.position)
        voided = void_what_is_lost(transaction.connection, checkpoint.key)
        repaired.voided_failures, repaired.voided_skips = list(voided.failures), list(voided.skips)
        checkpoint = _put_checkpoint_right(transaction.connection, checkpoint, verified.ahead, repaired)
        details: dict[str, Any]
        if isinstance(projection, Tally):
            details = _repair_counts(transaction, projection, checkpoint, repaired, catalogue)
        else:
            user_ids = set(verified.drifted)
            if repaired.set_back is not None:
                # which of them were folded before the log was restored, and which came afterwards, nobody knows
                folded_to = committed_position(transaction.connection, checkpoint.key)
                user_ids |= set(members_touched(transaction.connection, folded_to, checkpoint.position))
            details = _repair_members(transaction, projection, checkpoint, sorted(user_ids), repaired, catalogue)
            repaired.members = len(verified.drifted)
            _repair_rollups(transaction.connection, projection, repaired)
            details |= {"rollups": repaired.rollups}
        if repaired.set_back is not None:
            close_journal(transaction.connection, checkpoint.key, checkpoint.position)
        if repaired.members or repaired.count or repaired.set_back or repaired.rollups:
            details |= {"count": repaired.count, "set_back": repaired.set_back}
            details |= {"voided_failures": repaired.voided_failures, "voided_skips": repaired.voided_skips}
            repaired.operation = record(
                transaction.connection, "repair", projection.name, by=by, reason=reason, details=details
            )
    return repaired


def altered_ranges(connection: Connection, key: ProjectionKey, position: Position) -> list[str]:
    """Where the log has another number of events than were folded once; a sentence for each range."""
    found = connection.execute(statement("journal_against_log"), {**key.parameters, "position": position}).fetchall()
    return [
        f"between positions {after + 1:,} and {last:,} the log has {in_log:,} events, {events:,} were folded"
        for after, last, events, in_log in found
    ]


def _put_checkpoint_right(
    connection: Connection, checkpoint: Checkpoint, beyond: bool, repaired: Repaired
) -> Checkpoint:
    """Never above the log, and with the number of events that the log has; unless the log itself was altered."""
    if checkpoint.state is ProjectionState.TRIGGER:
        return checkpoint
    position = checkpoint.position
    if beyond:
        position = end_at_or_before(connection, checkpoint.position)
        shorten_journal(connection, checkpoint.key, position)
        repaired.set_back = (checkpoint.position, position)
    counted = connection.execute(statement("log_count"), {"after": 0, "upto": position}).fetchone()
    in_log = int(counted[0]) if counted else 0
    if position == checkpoint.position and in_log == checkpoint.passed:
        return checkpoint
    repaired.altered = altered_ranges(connection, checkpoint.key, position)
    if repaired.altered and not beyond:
        return checkpoint
    repaired.count = (checkpoint.passed, in_log)
    connection.execute(
        statement("checkpoint_recount"),
        {**checkpoint.key.parameters, "position": position, "passed": in_log},
    )
    return Checkpoint(
        checkpoint.projection,
        checkpoint.version,
        position,
        checkpoint.epoch,
        in_log,
        checkpoint.counted,
        checkpoint.state,
        checkpoint.reason,
    )


def _repair_members(
    transaction: PostgresTransaction,
    projection: MemberProjection[Any],
    checkpoint: Checkpoint,
    user_ids: Sequence[str],
    repaired: Repaired,
    catalogue: Catalogue,
) -> dict[str, Any]:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for page in in_pages(user_ids, FOLDED_AT_A_TIME):
        before |= tables.rows_of_members(transaction.connection, projection.tables, page)
        changes, _ = fold_again(transaction, projection, checkpoint, page, catalogue=catalogue)
        after |= tables.rows_of_members(transaction.connection, projection.tables, page)
        repaired.changes += changes.count()
        repaired.members += len(page)
    return {"position": checkpoint.position, "before": before, "after": after}


def _repair_rollups(connection: Connection, projection: MemberProjection[Any], repaired: Repaired) -> None:
    """After the rows that they aggregate. Raises Refused for one that would be wrong again at once."""
    for rollup in stored_rollups(connection, projection.name, projection.version):
        if not any(rollup_drift(connection, rollup)):
            continue
        if not is_maintained(connection, rollup):
            raise Refused(
                f"rollup {rollup.name} is kept no more: somebody dropped or disabled its triggers on {rollup.table}; "
                "run: temple db migrate, which makes it anew"
            )
        refill_rollup(connection, rollup)
        repaired.rollups.append(rollup.name)


def _repair_counts(
    transaction: PostgresTransaction, tally: Tally, checkpoint: Checkpoint, repaired: Repaired, catalogue: Catalogue
) -> dict[str, Any]:
    connection = transaction.connection
    exceptions = transaction.exceptions(tally.key)
    counted = recount(connection, tally, upto=checkpoint.position, left_out=exceptions.uncounted, catalogue=catalogue)
    stored = stored_counts(connection, tally.table)
    drifts = list(tally_drift(tally.name, tally.table, stored, counted.increments))
    keys = counted.increments.keys() | stored.keys()
    missing = {key: counted.increments.get(key, 0) - stored.get(key, 0) for key in keys}
    transaction.add(tally.table, {key: number for key, number in missing.items() if number})
    repaired.members = repaired.changes = len(drifts)
    if counted.counted != checkpoint.counted:
        connection.execute(
            statement("checkpoint_count_more"),
            {**tally.key.parameters, "counted": counted.counted - checkpoint.counted},
        )
        repaired.count = repaired.count or (checkpoint.counted, counted.counted)
    return {
        "position": checkpoint.position,
        "before": [{"key": drift.key, "stored": drift.stored} for drift in drifts[:MOST_MEMBERS]],
        "after": [{"key": drift.key, "counted": drift.folded} for drift in drifts[:MOST_MEMBERS]],
    }
