"""What people decide about a projection. Each enters the operations journal, with who and why."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.domain.position import NO_POSITIONS, Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.migrations import require_current
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import events
from temple_ledger.infrastructure.read_models.runner.fold_again import MEMBERS_AT_A_TIME, fold_again
from temple_ledger.infrastructure.read_models.runner.lanes import hold
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.projections.batch import Failure, event_changed
from temple_ledger.projections.brake import reason_of, sentence, too_many
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.counting import count_batch
from temple_ledger.projections.fold import FailureKind
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import reached
from temple_ledger.projections.placing import placed
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.standing import NEEDS_REPLAY, may_fold, why_not
from temple_ledger.projections.tally import Tally


@dataclass(frozen=True)
class Parked:
    """A failure, with the event that caused it and how many events of the member wait."""

    projection: str
    version: int
    active: bool
    position: Position
    user_id: str
    error: str
    kind: str
    frames: str | None
    attempts: int
    parked_at: datetime
    event_type: str | None
    action: str | None
    target: str | None
    metadata_text: str | None
    waiting: int


@contextmanager
def operation(database: Database, key: ProjectionKey) -> Iterator[tuple[PostgresTransaction, Checkpoint]]:
    """A transaction that holds the projection's checkpoint: the runner waits, whatever it remembered is void after.

    For what does not concern its rows: the lanes of one that is split may stand apart.
    """
    with _transaction(database) as transaction:
        checkpoint = transaction.lock_checkpoint(key, apart=True)
        yield transaction, checkpoint
        transaction.connection.execute(statement("checkpoint_raise_epoch"), checkpoint.key.parameters)


@contextmanager
def operation_on_rows(
    database: Database, projection: Projection, catalogue: Catalogue, also: Iterable[Projection] = ()
) -> Iterator[tuple[PostgresTransaction, Checkpoint]]:
    """The same, with all lanes at one position, that of the checkpoint. Raises LanesApart where they are too far apart.

    The checkpoints of *also* are held too, all in one order, so that two operations never wait for each other.
    """
    code = {each.key: each for each in (projection, *also)}
    with _transaction(database) as transaction:
        held = {key: hold(transaction, code[key], catalogue) for key in sorted(code)}
        checkpoint = held[projection.key]
        yield transaction, checkpoint
        transaction.connection.execute(statement("checkpoint_raise_epoch"), checkpoint.key.parameters)


@contextmanager
def _transaction(database: Database) -> Iterator[PostgresTransaction]:
    with (
        database.connect(DatabaseRole.PROJECT, application="temple operation") as connection,
        connection.transaction(),
    ):
        yield PostgresTransaction(connection)


def record(
    connection: psycopg.Connection[Any],
    kind: str,
    projection: str | None,
    *,
    by: str,
    reason: str | None,
    details: Mapping[str, Any],
) -> int:
    """The number of the entry in the operations journal; *projection* None is what concerns all of them.

    *by* is who says they did it; the database adds the login. Raises SchemaMismatch where the database is older or
    newer than this code, which may not know all that it would have to change: nothing of the operation is done then.
    """
    require_current(connection)
    row = connection.execute(
        statement("operation_record"),
        {
            "kind": kind,
            "projection": projection,
            "performed_by": by,
            "reason": reason,
            "details": json.dumps(details, default=str),
        },
    ).fetchone()
    return int(row[0]) if row is not None else 0


def set_state(
    database: Database,
    key: ProjectionKey,
    state: ProjectionState,
    *,
    by: str,
    reason: str | None = None,
    parks_freely: bool = False,
) -> Checkpoint:
    """Pause or resume; the checkpoint as it was before. With *parks_freely* the brake does not stop it any more."""
    with operation(database, key) as (transaction, checkpoint):
        if checkpoint.state is ProjectionState.TRIGGER:
            raise Refused(f"{key.name} is maintained by the trigger, which does not pause; run: temple trigger disable")
        if checkpoint.state is ProjectionState.NEEDS_REPLAY:
            raise Refused(
                f"the tables of {key} are not filled from the log yet; run: temple replay {checkpoint.label} --apply"
            )
        transaction.connection.execute(
            statement("checkpoint_set_state"),
            {**checkpoint.key.parameters, "state": state.value, "reason": reason, "parks_freely": parks_freely},
        )
        kind = "pause" if state is ProjectionState.PAUSED else "resume"
        record(
            transaction.connection,
            kind,
            key.name,
            by=by,
            reason=reason,
            details={"before": checkpoint.state.value, **({"park": True} if parks_freely else {})},
        )
    return checkpoint


def parked(
    connection: psycopg.Connection[Any],
    *,
    projection: str | None = None,
    version: int | None = None,
    user_id: str | None = None,
    position: int | None = None,
) -> Sequence[Parked]:
    found = connection.execute(
        statement("failure_list"),
        {"projection": projection, "version": version, "user_id": user_id, "position": position},
    )
    return [Parked(*row) for row in found]


def retry(
    database: Database,
    projection: Projection,
    failures: Sequence[Parked],
    *,
    by: str,
    catalogue: Catalogue,
    reason: str | None = None,
) -> Sequence[Failure]:
    """Folds these members again (of a tally: counts these events again); returns what failed again."""
    with operation_on_rows(database, projection, catalogue) as (transaction, checkpoint):
        _require_filled(projection, checkpoint, catalogue)
        again = _again(transaction, projection, checkpoint, failures, catalogue)
        if not checkpoint.parks_freely:
            _require_few(projection.name, failures, again)
        details = {
            "members": [each.user_id for each in failures],
            "failed_again": [each.position for each in again],
        }
        record(transaction.connection, "retry", projection.name, by=by, reason=reason, details=details)
    return again


def park_by_time(database: Database, key: ProjectionKey, failure: Failure) -> bool:
    """Parks the member whose fold had to be ended; false where that batch was committed after all."""
    with operation(database, key) as (transaction, checkpoint):
        if failure.position <= reached(checkpoint, failure.user_id):
            return False
        transaction.park(checkpoint.key, [failure])
    return True


def skip(
    database: Database,
    projection: Projection,
    failure: Parked,
    *,
    by: str,
    reason: str,
    catalogue: Catalogue,
    others: Sequence[Projection] = (),
) -> Sequence[Failure]:
    """Leaves the position out of this projection for good, and folds its member again without it.

    That holds for all of its versions: *others* are those whose code is here too. What failed again of any of them is
    returned.
    """
    with operation_on_rows(database, projection, catalogue, others) as (transaction, checkpoint):
        _require_filled(projection, checkpoint, catalogue)
        skipped = transaction.connection.execute(
            statement("skip_record"),
            {
                **projection.key.parameters,
                "position": failure.position,
                "skipped_by": by,
                "reason": reason,
            },
        ).fetchone()
        if skipped is None:
            raise UnknownName("parked position", str(failure.position))
        transaction.connection.execute(
            statement("seal_enter_skip"), {"projection": projection.name, "position": failure.position}
        )
        again = [
            *_again(transaction, projection, checkpoint, [failure], catalogue),
            *_again_beside(transaction, others, failure, catalogue),
        ]
        details = {"position": failure.position, "user_id": failure.user_id, "error": failure.error}
        record(transaction.connection, "skip", projection.name, by=by, reason=reason, details=details)
    return again


def _again_beside(
    transaction: PostgresTransaction, others: Sequence[Projection], failure: Parked, catalogue: Catalogue
) -> Iterator[Failure]:
    """The same in the other versions of a projection."""
    for projection in others:
        checkpoint = transaction.lock_checkpoint(projection.key, apart=True)
        if may_fold(projection, checkpoint, catalogue) == NEEDS_REPLAY or checkpoint.position < failure.position:
            continue
        if isinstance(projection, Tally):
            yield from _uncount(transaction, placed(projection, checkpoint), failure.position, catalogue)
        else:
            yield from fold_again(transaction, projection, checkpoint, [failure.user_id], catalogue=catalogue)[1]
        transaction.connection.execute(statement("checkpoint_raise_epoch"), checkpoint.key.parameters)


def _uncount(
    transaction: PostgresTransaction, tally: Tally, position: Position, catalogue: Catalogue
) -> Sequence[Failure]:
    """What this version had counted of it, or parked."""
    connection = transaction.connection
    parked_there = connection.execute(
        statement("failure_delete"), {**tally.key.parameters, "positions": [position]}
    ).fetchall()
    if not parked_there:
        found = events(connection, after=Position(position - 1), upto=position, limit=1)
        batch = count_batch(tally, found, NO_POSITIONS, catalogue)
        transaction.add(tally.table, {key: -number for key, number in batch.increments.items()})
        connection.execute(statement("checkpoint_count_more"), {**tally.key.parameters, "counted": -batch.counted})
    return []


def _again(
    transaction: PostgresTransaction,
    projection: Projection,
    checkpoint: Checkpoint,
    failures: Sequence[Parked],
    catalogue: Catalogue,
) -> Sequence[Failure]:
    if isinstance(projection, Tally):
        return _count_again(
            transaction, placed(projection, checkpoint), [each.position for each in failures], catalogue
        )
    again: list[Failure] = []
    for page in in_pages(sorted({each.user_id for each in failures}), MEMBERS_AT_A_TIME):
        changed = transaction.changed(page, checkpoint.position)
        again += [
            Failure(each.position, each.user_id, event_changed(changed[each.user_id]), FailureKind.CHANGED)
            for each in failures
            if each.user_id in changed
        ]
        holding = [user_id for user_id in page if user_id not in changed]
        again += fold_again(transaction, projection, checkpoint, holding, catalogue=catalogue, raising=True)[1]
    transaction.park(projection.key, [each for each in again if each.kind is FailureKind.CHANGED])
    return again


def _count_again(
    transaction: PostgresTransaction, tally: Tally, positions: Sequence[Position], catalogue: Catalogue
) -> Sequence[Failure]:
    connection = transaction.connection
    found: list[Recorded] = []
    # whoever was quicker has counted them already
    freed = connection.execute(statement("failure_delete"), {**tally.key.parameters, "positions": list(positions)})
    for (position,) in freed.fetchall():
        found += events(connection, after=Position(position - 1), upto=position, limit=1)
    batch = count_batch(tally, found, transaction.exceptions(tally.key).left_out, catalogue)
    transaction.add(tally.table, batch.increments)
    transaction.park(tally.key, batch.failures)
    connection.execute(statement("checkpoint_count_more"), {**tally.key.parameters, "counted": batch.counted})
    return batch.failures


def _require_few(projection: str, tried: Sequence[Parked], again: Sequence[Failure]) -> None:
    """Raises Refused where most of them fail again for one reason."""
    failed = {(each.user_id, reason_of(each.error, each.frames)) for each in again if each.kind is FailureKind.EVENT}
    met = len({each.user_id for each in tried})
    for reason, number in Counter(reason for _, reason in failed).most_common(1):
        if too_many(number, met):
            raise Refused(f"nothing was changed: {sentence(projection, number, met, None, reason)}")


def _require_filled(projection: Projection, checkpoint: Checkpoint, catalogue: Catalogue) -> None:
    refusal = why_not(projection, checkpoint, catalogue)
    if refusal is not None:
        raise Refused(f"{projection.key}: {refusal}")
