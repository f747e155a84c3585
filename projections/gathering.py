"""The lanes of a split projection brought together, in a transaction that holds it.

What needs one position, as every operation does, has it from there on: it goes on as with a projection that is not
split.
"""

from dataclasses import replace
from typing import Final, Protocol

from temple_ledger.domain.errors import LanesApart
from temple_ledger.domain.position import Position
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.grouped import ByMember
from temple_ledger.projections.projecting import ProjectingTransaction

MOST_APART: Final = 50_000
EVENTS_AT_A_TIME: Final = 5_000


class Folds(Protocol):
    """What folds and writes events, and moves nothing."""

    def fold(self, events: ByMember, upto: Position) -> None: ...


class Begins(Protocol):
    """A processor of a projection of members."""

    def begin(self, transaction: ProjectingTransaction, checkpoint: Checkpoint) -> Folds: ...


def gathered(transaction: ProjectingTransaction, processor: Begins, checkpoint: Checkpoint) -> Checkpoint:
    """Folds for the lanes behind what the first one has passed.

    Raises LanesApart where that is more than a transaction should hold the projection for, and what a step raises.
    """
    if not checkpoint.is_apart:
        return checkpoint
    upto = checkpoint.furthest
    if upto - min(checkpoint.lanes) > MOST_APART:
        raise LanesApart(
            f"the lanes of {checkpoint.label} stand {upto - min(checkpoint.lanes):,} positions apart, and only those "
            f"at most {MOST_APART:,} apart are brought together in between; let runners catch up with all of them, "
            f"then do it again (temple projection lanes {checkpoint.label} shows where they stand)"
        )
    passed = 0
    for after in sorted({position for position in checkpoint.lanes if position < upto}):
        behind = [lane for lane, position in enumerate(checkpoint.lanes) if position == after]
        at = after
        while page := transaction.events(after=at, upto=upto, limit=EVENTS_AT_A_TIME, lanes=behind):
            at = page[-1].position
            processor.begin(transaction, replace(checkpoint, position=at)).fold(ByMember.of(page), at)
            passed += len(page)
    return transaction.gather(checkpoint, passed)
