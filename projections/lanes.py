"""The lanes of a split projection: 16 shares of its members, each of which stands at a position of its own."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from temple_ledger.domain.position import Position
from temple_ledger.projections.checkpoint import Checkpoint

LANES: Final = 16
EVERY: Final = frozenset(range(LANES))


def without_effects(label: str) -> str:
    """Why it does not go on where somebody has code with effects of it."""
    return (
        f"{label} is split into lanes, and its code declares effects, which such a projection cannot have yet; first "
        f"run: temple projection lanes {label} --join --apply"
    )


def lane_of(user_id: str) -> int:
    """The first 4 bits of SHA-256 of it, in UTF-8; the database has a function that gives the same."""
    return hashlib.sha256(user_id.encode()).digest()[0] >> 4


def reached(checkpoint: Checkpoint, user_id: str) -> Position:
    """Where this member's rows stand."""
    return checkpoint.lanes[lane_of(user_id)] if checkpoint.lanes else checkpoint.position


def bounded(parked: Mapping[str, Position], checkpoint: Checkpoint) -> Mapping[str, Position]:
    """For whoever folds members up to where the first lane stands, and compares them with what is stored: where lanes
    stand apart, what a member's lane has not reached is left out, as what comes after a parked event is."""
    return _Bounded(parked, checkpoint) if checkpoint.is_apart else parked


class _Bounded(Mapping[str, Position]):
    def __init__(self, parked: Mapping[str, Position], checkpoint: Checkpoint) -> None:
        self._parked = parked
        self._checkpoint = checkpoint

    def __getitem__(self, user_id: str) -> Position:
        """The first position that is not folded of this member."""
        beyond = Position(reached(self._checkpoint, user_id) + 1)
        return min(beyond, self._parked.get(user_id, beyond))

    def __iter__(self) -> Iterator[str]:
        return iter(self._parked)

    def __len__(self) -> int:
        return len(self._parked)
