"""What is not as it was sealed, and how that is said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from temple_ledger.domain.position import PositionSet

CHANGED: Final = "changed"
DELETED: Final = "deleted"
ADDED: Final = "added"
HEAD: Final = "head"
BEYOND: Final = "beyond"
HIDDEN: Final = "hidden"
MOST_RANGES: Final = 10
"""In a sentence."""

_SENTENCES: Final = {
    CHANGED: "{events} at {where} not what was sealed",
    DELETED: "{events} at {where} gone",
    ADDED: "{events} at {where} put in after that range had been sealed",
    "backdated": "{events} at {where} recorded, so it says, before the seal before it",
    "key": "{events} at {where} not provable: the key of seal {seal} is gone",
    "seal": "seal {seal} (positions {first}-{last}) edited, or it does not follow the one before",
    "skip planted": "a skip of position {first} that nobody entered into the chain",
    "skip removed": "the skip of position {first} removed; the chain has it",
    "retraction planted": "positions {first}-{last} retracted, and nobody entered that into the chain",
    "retraction removed": "the retraction of positions {first}-{last} removed; the chain has it",
    "journal": "the journal row of entry {seal} (positions {first}-{last}) another one, or gone",
    HEAD: "the chain ends at another seal, or an earlier one, than was noted outside: seal {seal}",
    BEYOND: "{events} at {where} not provable: they had been sealed, and the chain ends before them",
    HIDDEN: "the log has row security: whoever reads it may see less than what was sealed",
}
_OF_EVENTS: Final = frozenset({CHANGED, DELETED, ADDED, BEYOND, "backdated", "key"})


@dataclass(frozen=True)
class Finding:
    """`kind` is a word of the checking functions; `first` to `last` are positions, None where it is about none.

    `seal` is the number of the seal, None where it is about no single one.
    """

    kind: str
    first: int | None = None
    last: int | None = None
    seal: int | None = None

    def __str__(self) -> str:
        pattern = _SENTENCES.get(self.kind)
        if pattern is None:
            # the name of a trigger is part of the kind
            return f"the {self.kind} of the log is missing, does not fire always, or is another one"
        one = self.first == self.last
        return pattern.format(
            events="the event" if one else "the events",
            where=f"position {self.first} is" if one else f"positions {self.first}-{self.last} are",
            first=self.first,
            last=self.last,
            seal=self.seal,
        )

    @property
    def is_of_events(self) -> bool:
        """Whether it is about events, and not about the chain or what is beside it."""
        return self.kind in _OF_EVENTS

    @property
    def is_of_one_event(self) -> bool:
        """Whether it is about one event that is there."""
        return self.is_of_events and self.kind != DELETED and self.first == self.last

    def is_about(self, position: int) -> bool:
        """Whether the event at that position, if there is one, is not what was sealed."""
        if not self.is_of_events or self.first is None or self.last is None:
            return False
        return self.first <= position <= self.last

    @property
    def is_of_triggers(self) -> bool:
        return self.kind.startswith("trigger ")

    def as_json(self) -> list[Any]:
        return [self.kind, self.first, self.last, self.seal]


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Those of one kind whose positions follow each other become one."""
    found: list[Finding] = []
    for each in findings:
        before = found[-1] if found else None
        if (
            before is not None
            and each.is_of_events
            and before.kind == each.kind
            and before.last is not None
            and each.first == before.last + 1
        ):
            found[-1] = Finding(each.kind, before.first, each.last, before.seal)
        else:
            found.append(each)
    return found


def where(findings: Sequence[Finding]) -> str:
    """How "the LOG was changed" goes on; empty where it is about no position."""
    positions = positions_of(findings)
    if not positions:
        return ""
    ranges = [f"{first}-{last}" if last > first else str(first) for first, last in positions.ranges]
    more = ", …" if len(ranges) > MOST_RANGES else ""
    word = "position" if len(positions) == 1 else "positions"
    return f" at {word} {', '.join(ranges[:MOST_RANGES])}{more}"


def positions_of(findings: Sequence[Finding]) -> PositionSet:
    return PositionSet((each.first, each.last) for each in findings if each.first is not None and each.last is not None)
