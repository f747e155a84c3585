"""What a verify found."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from temple_ledger.domain.position import Position
from temple_ledger.projections.drift import Drift

MOST_LISTED: Final = 1_000
"""Differences that a report lists; all of them are counted."""


class Kind(StrEnum):
    FULL = "full"
    SINCE_LAST = "since last"


@dataclass
class Verified:
    """Of one projection. `members` is how many were compared (of a tally: keys), `touched` how many of them had
    events since the last verified position, or differed then; `drifted` are the ids of all that differ, `listed` at
    most the first thousand differences. `drifted_keys` are keys of rollups that are not the group-by of their source.

    `passed` is how many events the checkpoint says it passed, `in_log` how many the log has up to there, None where
    nobody counted. `unverified` says why nothing was compared.
    """

    projection: str
    version: int
    position: Position
    kind: Kind = Kind.FULL
    members: int = 0
    touched: int = 0
    drifts: int = 0
    drifted_members: int = 0
    drifted_keys: int = 0
    listed: list[Drift] = field(default_factory=list)
    drifted: list[str] = field(default_factory=list)
    parked: int = 0
    passed: int = 0
    in_log: int | None = None
    ahead: bool = False
    unverified: str | None = None

    @property
    def miscounted(self) -> bool:
        """The projection passed another number of events than the log has: some were lost, or the log was altered."""
        return self.in_log is not None and self.passed != self.in_log

    @property
    def ok(self) -> bool:
        return not (self.drifts or self.miscounted or self.ahead)

    @property
    def issues(self) -> int:
        """Rows that drifted, and one each for a wrong count, a wrong checkpoint, rows of another version."""
        return self.drifts + self.miscounted + self.ahead + (self.unverified is not None)

    @property
    def unlisted(self) -> bool:
        """There are more differences than `listed` holds."""
        return self.drifts > len(self.listed)

    def found(self, drifts: list[Drift]) -> None:
        """All differences of one member, or of one key."""
        if drifts:
            self.drifts += len(drifts)
            self.drifted_members += 1
            self.listed += drifts[: MOST_LISTED - len(self.listed)]
            if drifts[0].user_id is not None:
                self.drifted.append(drifts[0].user_id)

    def add(self, part: "Verified") -> None:
        """What was found of other members."""
        self.members += part.members
        self.drifts += part.drifts
        self.drifted_members += part.drifted_members
        self.listed += part.listed[: MOST_LISTED - len(self.listed)]
        self.drifted += part.drifted

    def found_in_rollup(self, drifts: list[Drift]) -> None:
        """All differences of one rollup."""
        self.drifts += len(drifts)
        self.drifted_keys += len({(drift.table, *drift.key.values()) for drift in drifts})
        self.listed += drifts[: MOST_LISTED - len(self.listed)]
