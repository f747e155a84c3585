"""Retraction: positions of the log that every projection leaves out, and their way back.

Nothing of the log is changed. What a retraction does to the tables is the same fold with other positions left out: the
preview folds the members concerned in one snapshot and compares; the application writes down what is left out and folds
them again, in one transaction that holds every checkpoint. So a runner sees all of it or nothing, and whoever is killed
has done nothing. Members without an event at these positions have the same rows either way, and are not looked at.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import UnknownName
from temple_ledger.domain.position import NO_POSITIONS, Position, PositionSet
from temple_ledger.infrastructure.database import tables
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.retracted import retracted_positions
from temple_ledger.infrastructure.read_models.member_log.fold_members import fold_histories
from temple_ledger.infrastructure.read_models.member_log.recount import recount_at
from temple_ledger.infrastructure.read_models.operations import record
from temple_ledger.infrastructure.read_models.runner.fold_again import MEMBERS_AT_A_TIME, fold_again
from temple_ledger.infrastructure.read_models.runner.lanes import hold
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction, read_checkpoints
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.counting import TallyBatch
from temple_ledger.projections.drift import Drift, member_drift
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import bounded
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.standing import NEEDS_REPLAY, may_fold
from temple_ledger.projections.tally import Tally

Connection = psycopg.Connection[Any]
Each = Callable[[Drift], None]

MOST_NAMED: Final = 1_000
"""Ranges that the operations journal lists; the retraction itself has all."""


@dataclass(frozen=True)
class Selection:
    """What somebody names: everything that an import added, or single positions."""

    imports: tuple[int, ...] = ()
    positions: PositionSet = NO_POSITIONS


@dataclass
class RetractionImpact:
    """What changes, or was changed. `positions` are those that were not retracted before (or, reinstated, that were).

    `members` have other rows in some projection; `untouched` are projections whose rows this process cannot fold.
    """

    positions: PositionSet
    members: set[str] = field(default_factory=set)
    changes: int = 0
    untouched: list[str] = field(default_factory=list)
    of_other_imports: PositionSet = NO_POSITIONS
    """What the chosen imports only let count again, and which therefore stays."""


def preview_retraction(
    database: Database,
    selection: Selection,
    projections: Sequence[Projection],
    catalogue: Catalogue,
    *,
    reinstating: bool = False,
    each: Each = lambda drift: None,
) -> RetractionImpact:
    """What it would change; *each* is given every difference. Reads only. Raises UnknownName."""
    with database.connect(DatabaseRole.READ, application="temple retract", autocommit=False) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        before = retracted_positions(connection)
        chosen = _chosen(connection, selection, before, reinstating)
        after = before - chosen if reinstating else before | chosen
        impact = RetractionImpact(chosen)
        checkpoints = read_checkpoints(connection)
        impact.untouched = untouched_projections(projections, checkpoints, catalogue)
        if not reinstating:
            impact.of_other_imports = _counted_again(connection, selection) - after
        for projection in foldable_projections(projections, checkpoints, catalogue):
            checkpoint = checkpoints[projection.key]
            upto = _reached(connection, checkpoint)
            if isinstance(projection, Tally):
                impact.changes += len(_increments(connection, projection, chosen, upto, catalogue).increments)
            else:
                _compare(connection, projection, catalogue, upto, bounded({}, checkpoint), after, impact, each)
    return impact


def retract(
    database: Database,
    selection: Selection,
    projections: Sequence[Projection],
    catalogue: Catalogue,
    *,
    reason: str,
    by: str,
) -> RetractionImpact:
    """Leaves these positions out of every projection. Raises UnknownName; positions left out before stay so."""
    with _operation(database) as (connection, transaction):
        for number in selection.imports:
            connection.execute(statement("import_close"), {"import": number})
        chosen = _chosen(connection, selection, retracted_positions(connection), reinstating=False)
        if not chosen:
            return RetractionImpact(chosen)
        checkpoints = locked_checkpoints(transaction, projections, catalogue)
        row = connection.execute(
            statement("retraction_create"),
            {
                "import": selection.imports[0] if len(selection.imports) == 1 and not selection.positions else None,
                "reason": reason,
                "retracted_by": by,
            },
        ).fetchone()
        retraction = row[0] if row is not None else 0
        connection.execute(statement("retraction_put"), {**_arrays(chosen), "retraction": retraction})
        connection.execute(statement("seal_enter_retraction"), {"retraction": retraction})
        impact = _fold_all(transaction, chosen, projections, catalogue, checkpoints, sign=-1)
        _record(connection, "retract", selection, impact, by, reason, {"retraction": retraction})
    return impact


def reinstate(
    database: Database,
    selection: Selection,
    projections: Sequence[Projection],
    catalogue: Catalogue,
    *,
    by: str,
    reason: str | None = None,
    imported_again_as: int | None = None,
) -> RetractionImpact:
    """Lets these positions count again; those that were never retracted stay as they are.

    *imported_again_as* is the import whose file had them too. Raises UnknownName.
    """
    with _operation(database) as (connection, transaction):
        chosen = _chosen(connection, selection, retracted_positions(connection), reinstating=True)
        if not chosen:
            return RetractionImpact(chosen)
        checkpoints = locked_checkpoints(transaction, projections, catalogue)
        for first, last, retraction in connection.execute(
            statement("retraction_take_back"), _arrays(chosen)
        ).fetchall():
            rest = PositionSet([(first, last)]) - chosen
            connection.execute(statement("retraction_put"), {**_arrays(rest), "retraction": retraction})
        connection.execute(statement("seal_enter_reinstatement"), _arrays(chosen))
        impact = _fold_all(transaction, chosen, projections, catalogue, checkpoints, sign=1)
        more = {} if imported_again_as is None else {"imported_again_as": imported_again_as}
        _record(connection, "reinstate", selection, impact, by, reason, more)
    return impact


@contextmanager
def _operation(database: Database) -> Iterator[tuple[Connection, PostgresTransaction]]:
    with database.connect(DatabaseRole.PROJECT, application="temple retract") as connection, connection.transaction():
        connection.execute(statement("retraction_lock"))
        yield connection, PostgresTransaction(connection)


def locked_checkpoints(
    transaction: PostgresTransaction, projections: Iterable[Projection], catalogue: Catalogue
) -> dict[ProjectionKey, Checkpoint]:
    """Every checkpoint, in one order, so that two operations never wait for each other. Raises LanesApart where lanes
    stand apart of a projection that is none of these."""
    code = {each.key: each for each in projections}
    return {
        key: hold(transaction, code[key], catalogue) if key in code else transaction.lock_checkpoint(key)
        for key in sorted(read_checkpoints(transaction.connection))
    }


def _chosen(connection: Connection, selection: Selection, retracted: PositionSet, reinstating: bool) -> PositionSet:
    named = PositionSet()
    for number in selection.imports:
        rows = connection.execute(statement("import_ranges"), {"import": number}).fetchall()
        if not rows:
            raise UnknownName("import", str(number))
        named |= PositionSet(row for row in rows if row[0] is not None)
    named |= selection.positions
    if reinstating:
        return named & retracted
    missing = _not_in_log(connection, selection.positions)
    if missing:
        raise UnknownName("position of the log", str(missing))
    return named - retracted


def _counted_again(connection: Connection, selection: Selection) -> PositionSet:
    """As the operations journal has it, which names the first MOST_NAMED ranges of each operation."""
    found = PositionSet()
    for number in selection.imports:
        rows = connection.execute(statement("import_counted_again"), {"import": number})
        ends = [named.split("-") for (named,) in rows]
        found |= PositionSet((int(first), int(last)) for first, last in ends)
    return found


def _not_in_log(connection: Connection, positions: PositionSet) -> PositionSet:
    found = connection.execute(statement("positions_in_log"), _arrays(positions))
    return positions - PositionSet.of(position for (position,) in found)


def _reached(connection: Connection, checkpoint: Checkpoint) -> Position:
    if checkpoint.state is ProjectionState.TRIGGER:
        row = connection.execute(statement("log_head")).fetchone()
        return Position(row[0] if row is not None else 0)
    return checkpoint.furthest


def foldable_projections(
    projections: Sequence[Projection], checkpoints: Mapping[ProjectionKey, Checkpoint], catalogue: Catalogue
) -> list[Projection]:
    """Those that have rows by the rules of this code; the others leave the positions out when they are replayed."""
    return [
        placed(each, checkpoints[each.key])
        for each in projections
        if each.key in checkpoints and may_fold(each, checkpoints[each.key], catalogue) != NEEDS_REPLAY
    ]


def untouched_projections(
    projections: Sequence[Projection], checkpoints: Mapping[ProjectionKey, Checkpoint], catalogue: Catalogue
) -> list[str]:
    foldable = {each.key for each in foldable_projections(projections, checkpoints, catalogue)}
    # version 0: positions of the eventsourcing library's own projections, which has no way to fold a member again
    return sorted(
        each.label
        for key, each in checkpoints.items()
        if key not in foldable and each.state is not ProjectionState.NEEDS_REPLAY
    )


def _compare(
    connection: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    upto: Position,
    bounds: Mapping[str, Position],
    after: PositionSet,
    impact: RetractionImpact,
    each: Each,
) -> None:
    fold = Fold(projection, catalogue)
    transaction = PostgresTransaction(connection, retracted=after)
    left_out = transaction.exceptions(projection.key).left_out
    for page in in_pages(_members(connection, impact.positions, upto), MEMBERS_AT_A_TIME):
        stored = tables.rows_of_members(connection, projection.tables, page)
        found = transaction.histories(fold, page, upto)
        for user_id, folded, _ in fold_histories(connection, fold, found, upto, bounds, left_out=left_out):
            drifts = list(member_drift(projection.name, projection.tables, user_id, stored[user_id], folded.rows))
            if drifts:
                impact.members.add(user_id)
            impact.changes += len(drifts)
            for drift in drifts:
                each(drift)


def _fold_all(
    transaction: PostgresTransaction,
    chosen: PositionSet,
    projections: Sequence[Projection],
    catalogue: Catalogue,
    checkpoints: Mapping[ProjectionKey, Checkpoint],
    *,
    sign: int,
) -> RetractionImpact:
    connection, impact = (
        transaction.connection,
        RetractionImpact(chosen, untouched=untouched_projections(projections, checkpoints, catalogue)),
    )
    for projection in foldable_projections(projections, checkpoints, catalogue):
        checkpoint = checkpoints[projection.key]
        if isinstance(projection, Tally):
            impact.changes += _count(transaction, projection, chosen, checkpoint.position, sign, catalogue)
            continue
        for page in in_pages(_members(connection, chosen, checkpoint.position), MEMBERS_AT_A_TIME):
            changes, _ = fold_again(transaction, projection, checkpoint, page, catalogue=catalogue, resetting=True)
            impact.members |= changes.members
            impact.changes += changes.count()
    for checkpoint in checkpoints.values():
        connection.execute(statement("checkpoint_raise_epoch"), checkpoint.key.parameters)
    return impact


def _count(
    transaction: PostgresTransaction,
    tally: Tally,
    chosen: PositionSet,
    upto: Position,
    sign: int,
    catalogue: Catalogue,
) -> int:
    """Takes off what these positions added, or adds it again."""
    connection = transaction.connection
    batch = _increments(connection, tally, chosen, upto, catalogue)
    tables.add(connection, tally.table, {key: sign * number for key, number in batch.increments.items()})
    connection.execute(statement("checkpoint_count_more"), {**tally.key.parameters, "counted": sign * batch.counted})
    if sign < 0:
        connection.execute(statement("failure_delete_in_ranges"), {**_arrays(chosen), **tally.key.parameters})
    else:
        transaction.park(tally.key, batch.failures)
    return len(batch.increments)


def _increments(
    connection: Connection, tally: Tally, chosen: PositionSet, upto: Position, catalogue: Catalogue
) -> TallyBatch:
    """What the tally counted at these positions: nothing where somebody has skipped one for this tally."""
    skipped = PostgresTransaction(connection, retracted=PositionSet()).exceptions(tally.key).left_out
    return recount_at(connection, tally, chosen, upto=upto, left_out=skipped, catalogue=catalogue)


def _members(connection: Connection, chosen: PositionSet, upto: Position) -> list[str]:
    found = connection.execute(statement("members_in_ranges"), {**_arrays(chosen), "upto": upto})
    return [user_id for (user_id,) in found]


def _arrays(chosen: PositionSet) -> dict[str, list[int]]:
    return {
        "firsts": [first for first, _ in chosen.ranges],
        "lasts": [last for _, last in chosen.ranges],
    }


def _record(
    connection: Connection,
    kind: str,
    selection: Selection,
    impact: RetractionImpact,
    by: str,
    reason: str | None,
    more: Mapping[str, Any],
) -> None:
    details = {
        **more,
        "imports": list(selection.imports),
        "events": len(impact.positions),
        "ranges": [f"{first}-{last}" for first, last in impact.positions.ranges[:MOST_NAMED]],
        "changed_members": len(impact.members),
    }
    record(connection, kind, None, by=by, reason=reason, details=details)
