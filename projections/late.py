"""A member folded again from the log, because of what came late: as it was, and as it is."""

from collections.abc import Sequence
from itertools import takewhile

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.fold import Fold, Folded, in_fold_order
from temple_ledger.projections.member_projection import State


def before_and_after(
    fold: Fold[State], every: Sequence[Recorded], first: Position
) -> tuple[Folded[State], Folded[State]]:
    """The member at the position before *first*, and after *every* one of its known events.

    Both have the same past up to where the first new event belongs, which is nearly all of it: that is folded once.
    """
    older = [recorded for recorded in every if recorded.position < first]
    ordered = in_fold_order(every) or ()
    past = list(takewhile(lambda recorded: recorded.position < first, ordered))
    common = fold.extend(None, None, past) if past else None
    if common is None:
        return fold.whole_of_known(older), fold.whole_of_known(every)
    newer = ordered[len(past) :]
    after = _continued(fold, common, newer)
    before = _continued(fold, common, [recorded for recorded in newer if recorded.position < first])
    return before or fold.whole_of_known(older), after or fold.whole_of_known(every)


def _continued(fold: Fold[State], past: Folded[State], events: Sequence[Recorded]) -> Folded[State] | None:
    """None where one of the events cannot be folded, or the rows cannot be stored."""
    done = fold.extend(past.state, past.frontier, events) if events else past
    return done if done is not None and fold.takes(done.rows) else None
