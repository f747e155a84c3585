"""Effects of events that are folded beside the steps: by a retry, a skip, or a long fold that is done.

They are raised all the same, each under the id of its change.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.member_log.fold_members import fold_long
from temple_ledger.infrastructure.read_models.member_stream import pages_of_member
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.projections.batch import without
from temple_ledger.projections.effects import EffectFollower, InstalledEffect, follower_of
from temple_ledger.projections.fold import Fold, Folded, Frontier
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.stepping import MemberSteps, Stepped, changes_of, differ, follow_history

MOST_LATE: Final = 20
"""Late events of a long history whose changes are worked out, each by a fold of its own; more of them are held back."""

FoldUpto = Callable[[Position], Folded[Any]]


class Due(NamedTuple):
    """What a parked member raises once it is folded: of its events from `since` on, those after the start of each
    effect."""

    since: Position
    starts: Mapping[str, Position]


def due_of(connection: psycopg.Connection[Any], projection: MemberProjection[Any], user_id: str, parked: int) -> Due:
    """Of a member who is *parked* there. Across a switch, from where the version was parked that raised before."""
    if not projection.effects:
        return Due(Position(parked), {})
    values = {**projection.key.parameters, "user_id": user_id}
    found = connection.execute(statement("effect_starts_of_member"), values).fetchall()
    waited = [after for _, _, after in found if after is not None]
    since = Position(min(waited) + 1 if waited else parked)
    return Due(since, {name: Position(start if after is None else after) for name, start, after in found})


def effects_follower(
    transaction: PostgresTransaction, fold: Fold[Any], starts: Mapping[str, Position], events: Sequence[Recorded]
) -> EffectFollower | None:
    """For these events, which were not folded so far; None where they raise nothing."""
    projection = fold.projection
    if not events:
        return None
    installed = [InstalledEffect(each, starts[name]) for name, each in projection.effects.items() if name in starts]
    if not installed:
        return None
    positions = [recorded.position for recorded in events]

    def special(**limits: Any) -> Any:
        return transaction.special_events(**limits, positions=positions)

    after, upto = Position(min(positions) - 1), Position(max(positions))
    follower = follower_of(fold, installed, special, after=after, upto=upto)
    follower.count_held_back(events)
    return follower


def raise_effects(
    transaction: PostgresTransaction,
    fold: Fold[Any],
    user_id: str,
    every: Sequence[Recorded],
    parked: Position,
    parked_at: Position | None,
) -> None:
    """Of what a member waited for who was *parked* there, and whose whole history is *every*, as far as it was folded
    now."""
    due = due_of(transaction.connection, fold.projection, user_id, parked)
    events = [each for each in every if each.position >= due.since and (parked_at is None or each.position < parked_at)]
    follower = effects_follower(transaction, fold, due.starts, events)
    if follower is not None:
        follow_history(fold, every, parked_at, follower.wanted(user_id, events), follower)
        transaction.send(fold.projection.key, follower)


def raise_effects_of_long(
    transaction: PostgresTransaction,
    fold: Fold[Any],
    user_id: str,
    folded: Folded[Any],
    parked: Position,
    upto: Position,
    left_out: PositionSet,
) -> None:
    """As `raise_effects`, of a history that is too long for memory: it is read some more times."""
    due = due_of(transaction.connection, fold.projection, user_id, parked)
    if not due.starts:
        return
    follower = effects_of_long(transaction.connection, fold, user_id, folded, due, upto, left_out, turn=lambda: None)
    if follower is not None:
        transaction.send(fold.projection.key, follower)


def raise_in_order(
    transaction: PostgresTransaction,
    fold: Fold[Any],
    user_id: str,
    before: Folded[Any],
    starts: Mapping[str, Position],
    newer: Sequence[Recorded],
) -> None:
    """Of events none of which is late, of a member who was *before*."""
    follower = effects_follower(transaction, fold, starts, newer)
    if follower is not None:
        by_position = sorted(newer, key=lambda recorded: recorded.position)
        steps = MemberSteps(fold, before.state)
        found = changes_of(fold, steps, by_position, follower.wanted(user_id, newer))
        follower.use([each for each in found if isinstance(each, Stepped)], ())
        transaction.send(fold.projection.key, follower)


def effects_of_long(
    connection: psycopg.Connection[Any],
    fold: Fold[Any],
    user_id: str,
    folded: Folded[Any],
    due: Due,
    upto: Position,
    left_out: PositionSet,
    turn: Callable[[], None],
) -> EffectFollower | None:
    """Of a member whose history is too long for memory: of what is *due* of it up to *upto*, as far as it was
    folded.

    Reads the history some more times; *turn* is called before each page.
    """
    last = upto if folded.parked_at is None else Position(folded.parked_at - 1)
    with connection.transaction():
        events = [
            recorded
            for page in pages_of_member(connection, fold, user_id, last)
            for recorded in without(left_out, page)
            if recorded.position >= due.since
        ]
        events.sort(key=lambda recorded: recorded.position)
        follower = effects_follower(PostgresTransaction(connection), fold, due.starts, events)
    if follower is None:
        return None

    def fold_upto(position: Position) -> Folded[Any]:
        return fold_long(connection, fold, user_id, position, left_out=left_out, turn=turn)

    follower.use(*_changes_of_long(fold, events, follower.wanted(user_id, events), fold_upto))
    return follower


def _changes_of_long(
    fold: Fold[Any], events: Sequence[Recorded], wanted: frozenset[Position], fold_upto: FoldUpto
) -> tuple[list[Stepped[Any]], list[Position]]:
    """The wanted changes of a member whose history is too long for memory, at *events*, which are by position; and
    those that would take too long. *fold_upto* folds the member up to a position."""
    found: list[Stepped[Any]] = []
    missed: list[Position] = []
    late = 0
    if not wanted:
        return found, missed
    now = fold_upto(Position(events[0].position - 1))
    for recorded in events:
        before = now
        if _follows(recorded, before.frontier):
            steps = MemberSteps(fold, before.state)
            state = steps.step(recorded)
            now = Folded(state, _place(recorded), fold.projection.rows(state))
        else:
            late += 1
            if late > MOST_LATE:
                missed += [each.position for each in events if each.position >= recorded.position]
                return found, [position for position in missed if position in wanted]
            now = fold_upto(recorded.position)
        if recorded.position in wanted and differ(fold, before.rows, now.rows):
            found.append(Stepped(recorded, before.state, now.state, before.rows, now.rows))
    return found, missed


def remembering(
    found: Iterable[tuple[str, Sequence[Recorded] | None]], seen: dict[str, Sequence[Recorded] | None]
) -> Iterator[tuple[str, Sequence[Recorded] | None]]:
    """Passes them on, one at a time: *seen* has the one at hand."""
    for user_id, every in found:
        seen.clear()
        seen[user_id] = every
        yield user_id, every


def _follows(recorded: Recorded, frontier: Frontier | None) -> bool:
    return frontier is None or _place(recorded) > frontier


def _place(recorded: Recorded) -> Frontier:
    if recorded.occurred_at is None:
        raise ValueError("an event without a time was folded")
    return Frontier(recorded.occurred_at, recorded.position)
