"""Members whose fold takes longer than a rebuild waits: parked by time, as a step parks them, and folded no further.

An author's rule that does not return would hold up the rebuild for ever. So it runs in a process of its own, which is
ended; the next one leaves that member out from where it was parked before, or else altogether.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.fold_mark import Folding
from temple_ledger.infrastructure.read_models.member_log.fold_members import before_parked
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.fold import FailureKind, Fold, Folded
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import State

GivenUp = Mapping[str, Failure]
"""By user_id."""


def read_given_up(connection: psycopg.Connection[Any], key: ProjectionKey) -> GivenUp:
    found = connection.execute(statement("rebuild_given_up"), key.parameters)
    return {
        user_id: Failure(Position(position), user_id, error, FailureKind.TIME) for user_id, position, error in found
    }


def give_up(connection: psycopg.Connection[Any], key: ProjectionKey, folding: Folding, failure: Failure) -> Failure:
    """From where the member is parked by time already, if what was folded goes beyond that; else from its beginning."""
    values = {**key.parameters, "user_id": folding.user_id}
    before = connection.execute(statement("failure_by_time"), values).fetchone()
    tried = read_given_up(connection, key).get(folding.user_id)
    if before is not None and tried is None and before[0] > folding.position:
        failure = failure._replace(position=Position(before[0]))
    connection.execute(statement("rebuild_give_up"), {**key.parameters, **failure._asdict()})
    return failure


def fold_given_up(fold: Fold[State], failure: Failure, known: Sequence[Recorded]) -> Folded[State]:
    """The member as of the position before."""
    folded = fold.whole_of_known(before_parked(known, failure.position))
    if folded.parked_at is not None:
        return folded
    return folded._replace(parked_at=failure.position, error=failure.error, kind=failure.kind)


def positions_of(given_up: GivenUp) -> PositionSet:
    return PositionSet.of(failure.position for failure in given_up.values())
