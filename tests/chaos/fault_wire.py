"""Faults between a client and the server."""

import random
from typing import Final

from temple_ledger.infrastructure.log.append import Appended, LogAppender
from tests.chaos.processes import pause
from tests.chaos.storm import Storm

LOST_SECONDS: Final = 3.0


def answer_of_an_append_lost(storm: Storm, dice: random.Random) -> bool:
    """The commit reached the server. Seen when it is tried again, and the events are there already."""
    wire, record = storm.site.append_wire, storm.record
    entries = storm.operator.entries(dice.randint(1, 5))
    with LogAppender(wire.database) as appender:
        wire.lose_the_answer_to(str(entries[0].event_id).encode())
        outcomes = appender.append_many(entries)
    found = [each for each in outcomes if isinstance(each, Appended)]
    record.add_events(
        (entry.event_id, each.position, entry.user_id) for entry, each in zip(entries, found, strict=True)
    )
    return wire.lost_it and not any(each.added for each in found)


def answer_of_a_service_lost(storm: Storm, dice: random.Random) -> bool:
    """Of the next transaction that a runner, or the receiver, commits through the wire."""
    wire = storm.site.wire
    wire.lose_the_answer_to(b"COMMIT")
    for _ in range(int(LOST_SECONDS / 0.02)):
        if wire.lost_it:
            return True
        pause(0.02)
    return False


def black_hole(storm: Storm, dice: random.Random) -> bool:
    """Connections stay, and nothing gets through. Seen when the receiver cannot promise anything."""
    wire = storm.site.wire
    wire.swallow()
    try:
        return storm.probe.post(storm.probe.body()) != 200
    finally:
        # what was on its way is lost for good, so the connections are, too
        wire.cut()
        pause(0.2)
        wire.mend()
