"""What holds a snapshot back: a half-filled answer must not take everybody's roles away."""

from typing import Final

from temple_ledger.domain.errors import HeldBack
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import Snapshot

MOST_SHARE: Final = 0.05
MOST_MEMBERS: Final = 20


UNCOUNTED_SHARE: Final = 0.02
UNCOUNTED_MEMBERS: Final = 10
"""A source's own count is approximate. Beyond this difference a person decides whether it or the snapshot is wrong."""


def most_at_risk(known: int) -> int:
    """How many members may depart or lose something without anybody's word: 5 %, never more than 20; always one."""
    return max(1, min(MOST_MEMBERS, int(known * MOST_SHARE)))


def is_short_of_count(snapshot: Snapshot) -> bool:
    """Many fewer members came than the source itself counts."""
    counted = snapshot.counted or 0
    return counted - snapshot.members > max(UNCOUNTED_MEMBERS, UNCOUNTED_SHARE * counted)


def require_safe(snapshot: Snapshot, *, confirmed: bool, count_accepted: bool = False, partial: bool = False) -> None:
    """*partial*: nothing was concluded from what a finished snapshot lacks. Raises HeldBack."""
    if not snapshot.complete and not (partial and snapshot.finished_at is not None):
        raise HeldBack(
            f"snapshot {snapshot.id} is not complete{f' ({snapshot.note})' if snapshot.note else ''}: "
            "nothing is concluded from it; take another one",
            flag=None,
        )
    if is_short_of_count(snapshot) and not count_accepted:
        raise HeldBack(
            f"{snapshot.members:,} members came, and {snapshot.source.capitalize()} counts about {snapshot.counted:,}; "
            "if the members that came are all of them, add --accept-count",
            flag="--accept-count",
        )
    most = most_at_risk(snapshot.known)
    if snapshot.at_risk > most and not confirmed:
        raise HeldBack(
            f"{snapshot.at_risk:,} of {snapshot.known:,} members would depart or lose something, "
            f"and without a word of yours at most {most:,} may; look at the differences, then add --confirm",
            flag="--confirm",
        )
