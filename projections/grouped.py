"""The events of a step, or of some of its members, by member."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property
from operator import itemgetter
from typing import Final, Self

from temple_ledger.domain.event import Event
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded

EventName = tuple[str, str]
"""(event_type, action)"""
_NAME: Final = itemgetter(Recorded._fields.index("event_type"), Recorded._fields.index("action"))


class ByMember(dict[str, Sequence[Recorded]]):
    """All events of each of these members."""

    @classmethod
    def of(cls, events: Iterable[Recorded]) -> Self:
        grouped: dict[str, list[Recorded]] = {}
        for recorded in events:
            grouped.setdefault(recorded.user_id, []).append(recorded)
        return cls(grouped)

    decoded: dict[Position, Event] | None = None
    """Events that a projection of ours has decoded, for the next one, where several fold them."""

    @cached_property
    def names(self) -> Mapping[str, Set[EventName]]:
        """Of each member's events: found once for all projections of a step."""
        return {user_id: set(map(_NAME, events)) for user_id, events in self.items()}

    @cached_property
    def met(self) -> Mapping[EventName, Set[str]]:
        """Who has events under each name."""
        met: dict[EventName, set[str]] = defaultdict(set)
        for user_id, names in self.names.items():
            for name in names:
                met[name].add(user_id)
        return met
