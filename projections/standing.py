"""Whether this code may go on with a projection's rows as they stand, and why not."""

from typing import Any, Final

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.fingerprint import is_older, reads_of, what_differs
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.tally import Tally

NEEDS_REPLAY: Final = ProjectionState.NEEDS_REPLAY.value


def may_fold(projection: MemberProjection[Any] | Tally, checkpoint: Checkpoint, catalogue: Catalogue) -> str | None:
    """Why this code may not go on with this checkpoint; None when it may."""
    if reads_otherwise(projection, checkpoint, catalogue) is not None:
        return NEEDS_REPLAY
    if checkpoint.state is not ProjectionState.RUNNING:
        return checkpoint.state.value
    return None


def reads_otherwise(
    projection: MemberProjection[Any] | Tally, checkpoint: Checkpoint, catalogue: Catalogue
) -> str | None:
    """Which event types are not what they were when the rows were made; None where all are."""
    if checkpoint.reads is None:
        return None
    return what_differs(checkpoint.reads, reads_of(projection, catalogue))


def why_not(projection: MemberProjection[Any] | Tally, checkpoint: Checkpoint, catalogue: Catalogue) -> str | None:
    """Why rows cannot be compared with what this code folds; None when they can."""
    if may_fold(projection, checkpoint, catalogue) != NEEDS_REPLAY:
        return None
    differs = reads_otherwise(projection, checkpoint, catalogue)
    if differs is not None:
        if checkpoint.reads is not None and is_older(checkpoint.reads, reads_of(projection, catalogue)):
            return f"its rows were made by a process that knows later events ({differs}); update this one"
        return (
            f"its rows were made of events that are declared otherwise now ({differs}); run: temple replay "
            f"{checkpoint.label} --apply"
        )
    return f"its tables are not filled from the log yet; run: temple replay {checkpoint.label} --apply"
