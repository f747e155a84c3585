"""A rebuild that changes very many rows, put in place lane by lane: sixteen transactions, and the checkpoint is free
between them.

It stays the runner's, and stands at the rebuilt position or beyond. A lane is a sixteenth of the members. Each is
brought to where the checkpoint stands, under its lock; the rows of the others are what the runner makes of those there
were. So at any moment a row is right, or as wrong as it was before: killed between two lanes, nothing is to be undone,
and the next replay finds what is left.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import psycopg

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.operations import record
from temple_ledger.infrastructure.read_models.rebuild.apply import (
    AppliedRebuild,
    Limit,
    count_changed,
    count_log,
    finish,
    fold_anew,
    put_members,
    put_parked,
    reached,
    touched_members,
)
from temple_ledger.infrastructure.read_models.rebuild.compare import ShownDifference, changed_members
from temple_ledger.infrastructure.read_models.rebuild.progress import note_lanes, require_same_left_out
from temple_ledger.infrastructure.read_models.runner.lanes import hold
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction, read_checkpoints
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.lanes import LANES, lane_of
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.placing import placed
from temple_ledger.projections.standing import reads_otherwise

MOST_AT_ONCE: Final = 1_000_000
"""So many rows change in one transaction."""

Connection = psycopg.Connection[Any]
InPlace = Callable[[int], None]


def goes_by_lanes(
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    checkpoint: Checkpoint,
    position: Position,
    shown: ShownDifference,
) -> bool:
    """Whether so much changes, and may change a part at a time: where nothing is stored yet, or rows were made by other
    rules, or the checkpoint has to move, all of it does at once."""
    return (
        shown.changes > MOST_AT_ONCE
        and shown.stored_members > 0
        and checkpoint.position >= position
        and checkpoint.state is not ProjectionState.NEEDS_REPLAY
        and reads_otherwise(projection, checkpoint, catalogue) is None
    )


def apply_by_lanes(
    connection: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    position: Position,
    shown: ShownDifference,
    limit: Limit,
    by: str,
    reason: str | None,
    in_place: InPlace,
) -> AppliedRebuild:
    """*in_place* is given how many lanes are, after each but the last.

    Raises Refused before the first lane when more members than *limit* would change, counting those whose change was
    not shown; and between two, where what the projection folds was changed meanwhile.
    """
    passed = count_log(connection, position)
    lanes, changed = _planned(connection, projection, catalogue, position, shown, limit, by, reason)
    lane = 0
    try:
        for lane in range(LANES - 1):
            with connection.transaction():
                checkpoint, there = _locked(connection, projection, catalogue, position)
                _put_lane(connection, there, catalogue, position, checkpoint, shown, lane, lanes.get(lane, ()))
                connection.execute(statement("checkpoint_raise_epoch"), there.key.parameters)
                note_lanes(connection, there.key, lane + 1)
            in_place(lane + 1)
        lane = LANES - 1
        with connection.transaction():
            checkpoint, there = _locked(connection, projection, catalogue, position)
            _put_lane(connection, there, catalogue, position, checkpoint, shown, lane, lanes.get(lane, ()))
            upto = reached(connection, there, position, checkpoint, beyond=False)
            passed += count_log(connection, upto, after=position)
            finish(connection, there, catalogue, checkpoint, upto, passed, 0, changed, by, reason)
    except Refused as refused:
        raise Refused(f"{lane} of {LANES} lanes of members have the rebuilt rows, and stay; {refused}") from refused
    return AppliedRebuild(upto, changed)


def _planned(
    connection: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    position: Position,
    shown: ShownDifference,
    limit: Limit,
    by: str,
    reason: str | None,
) -> tuple[Mapping[int, Sequence[str]], int]:
    """Who changes in each lane, and how many members do: all that is allowed or refused, before anything changes."""
    with connection.transaction():
        # compared beside the runner: whoever it touches meanwhile is folded anew with the lane
        changed = set(changed_members(connection, placed(projection, read_checkpoints(connection)[projection.key])))
    with connection.transaction():
        checkpoint, projection = _locked(connection, projection, catalogue, position)
        touched = touched_members(connection, projection, position, checkpoint.position)
        unseen = fold_anew(connection, projection, catalogue, touched, checkpoint.position, shown)
        if checkpoint.epoch != shown.epoch:
            more = changed - shown.members - shown.moved - set(touched)
            unseen += count_changed(connection, projection, sorted(more), shown)
        number = shown.changed + unseen
        limit.require(number, shown.stored_members)
        details = {"lanes": LANES, "position": position, "version": projection.version, "changing": number}
        record(connection, "replay begins", projection.name, by=by, reason=reason, details=details)
        note_lanes(connection, projection.key, 0)
    return _by_lane(changed), number


def _put_lane(
    connection: Connection,
    projection: MemberProjection[Any],
    catalogue: Catalogue,
    position: Position,
    checkpoint: Checkpoint,
    shown: ShownDifference,
    lane: int,
    changed: Sequence[str],
) -> None:
    everybody = touched_members(connection, projection, position, checkpoint.position)
    touched = [user_id for user_id in everybody if lane_of(user_id) == lane]
    fold_anew(connection, projection, catalogue, touched, checkpoint.position, shown)
    whole = sorted({*changed, *touched})
    put_members(connection, projection, whole)
    failing = connection.execute(statement("rebuild_failing"), projection.key.parameters).fetchall()
    put_parked(
        connection, projection, sorted({*whole, *(user_id for (user_id,) in failing if lane_of(user_id) == lane)})
    )


def _locked(
    connection: Connection, projection: MemberProjection[Any], catalogue: Catalogue, position: Position
) -> tuple[Checkpoint, MemberProjection[Any]]:
    """A switch may have given the tables other names since the lane before."""
    checkpoint = hold(PostgresTransaction(connection), projection, catalogue)
    if checkpoint.position < position:
        raise Refused(f"the checkpoint of {projection.name} was set back meanwhile; run the replay again")
    projection = placed(projection, checkpoint)
    require_same_left_out(connection, projection)
    return checkpoint, projection


def _by_lane(user_ids: Iterable[str]) -> Mapping[int, Sequence[str]]:
    lanes: dict[int, list[str]] = {}
    for user_id in user_ids:
        lanes.setdefault(lane_of(user_id), []).append(user_id)
    return lanes
