"""What holds a snapshot back: a half-filled answer must not take everybody's roles away."""

from typing import Final

from temple_ledger.domain.errors import HeldBack
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import Snapshot

MOST_SHARE: Final = 0.05
MOST_MEMBERS: Final = 20


def most_at_risk(known: int) -> int:
    """How many members may depart or lose something without anybody's word: 5 %, never more than 20; always one."""
    return max(1, min(MOST_MEMBERS, int(known * MOST_SHARE)))


def require_safe(snapshot: Snapshot, *, confirmed: bool) -> None:
    """Raises Held."""
    if not snapshot.complete:
        raise HeldBack(
            f"snapshot {snapshot.id} is not complete{f' ({snapshot.note})' if snapshot.note else ''}: "
            "nothing is concluded from it; take another one",
            confirmable=False,
        )
    most = most_at_risk(snapshot.known)
    if snapshot.at_risk > most and not confirmed:
        raise HeldBack(
            f"{snapshot.at_risk:,} of {snapshot.known:,} members would depart or lose something, "
            f"and without a word of yours at most {most:,} may; look at the differences, then add --confirm",
            confirmable=True,
        )
