"""The whole history, line by line, in the order in which it was delivered."""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from random import Random
from typing import Final, Protocol

from temple_ledger.infrastructure.demo.clock import DAY, HOUR, after, moment
from temple_ledger.infrastructure.demo.community import Community
from temple_ledger.infrastructure.demo.days import Days
from temple_ledger.infrastructure.demo.delivery import DemoDelivery
from temple_ledger.infrastructure.demo.malformed import sprinkled
from temple_ledger.infrastructure.demo.randomness import Chance
from temple_ledger.infrastructure.demo.rhythm import Rhythm

LINES_AT_ONCE = 1_000
_TIMESTAMP: Final = re.compile(r'"timestamp":"([^"]*)"')


def generate(community: Community, *, end: datetime | None = None) -> Iterator[str]:
    """JSON lines without their ends; what it holds grows with the members, not with the events.

    With an *end*, the same history of the same people, so much earlier or later that it ends there.
    """
    lines = _as_it_was(community)
    if end is None or end == community.end:
        return lines
    moved_by = end - community.end

    def moved(found: re.Match[str]) -> str:
        return f'"timestamp":"{(datetime.fromisoformat(found[1]) + moved_by).isoformat()}"'

    return (_TIMESTAMP.sub(moved, line, count=1) for line in lines)


def _as_it_was(community: Community) -> Iterator[str]:
    chance = Chance(Random(community.seed))
    days = Days(chance, community)
    delivery = DemoDelivery(
        chance,
        lines=community.events,
        late_share=community.late_share,
        duplicate_share=community.duplicate_share,
    )
    rhythm = Rhythm(
        begin=after(moment(community.start), HOUR),
        end=after(moment(community.end), -DAY),
        lines=community.events,
    )
    for entry in days.founding():
        delivery.take([entry])
    while delivery.room:
        at = rhythm.at(delivery.taken + chance.draw())
        yield from delivery.due(at)
        delivery.take(days.episode(at, line=delivery.taken))
    yield from delivery.rest()


class Stream(Protocol):
    def write(self, text: str, /) -> object: ...


def write_history(community: Community, stream: Stream, *, malformed: int = 0, end: datetime | None = None) -> int:
    """How many events it wrote. Malformed lines come between them, change none, and are not counted."""
    lines = generate(community, end=end)
    if malformed:
        lines = sprinkled(Random(f"malformed {community.seed}"), lines, count=malformed, among=community.events)
    written = 0
    while some := list(islice(lines, LINES_AT_ONCE)):
        stream.write("\n".join(some) + "\n")
        written += len(some)
    return written - malformed
