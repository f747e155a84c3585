"""Events as pages show them: a sentence each, with what it follows from."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.pool import Connection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.retracted import retracted_positions
from temple_ledger.infrastructure.queries.attribution import AttributedEvent, merge_attributions
from temple_ledger.infrastructure.queries.causes import causes_of
from temple_ledger.infrastructure.queries.sentence import Narrator, Sentence, Tone
from temple_ledger.infrastructure.web.console import Console
from temple_ledger.infrastructure.web.listing import Listing

MOST_FOLDED: Final = 5_000
"""Events of a member that are folded for a page, one after the other."""

COLUMNS: Final = ("id", "timestamp", "event_type", "action", "user_id", "target", "by", "sentence", "source")

ICONS: Final[Mapping[Tone, str]] = {
    Tone.GAINED: "plus",
    Tone.LOST: "minus",
    Tone.JOINED: "in",
    Tone.LEFT: "out",
    Tone.PAID: "coin",
    Tone.UNPAID: "coin",
    Tone.ROLE: "shield",
    Tone.OTHER: "dot",
}


class Happening(NamedTuple):
    """An event with its words; `because` are those of `sentence.cause`."""

    position: int
    at: datetime | None
    sentence: Sentence
    because: Sentence | None
    retracted: bool
    fact: AttributedEvent

    @property
    def icon(self) -> str:
        return ICONS[self.sentence.tone]

    @property
    def why_icon(self) -> str:
        return ICONS[self.sentence.tone if self.because is None else self.because.tone]


def happenings(
    connection: Connection, console: Console, narrator: Narrator, events: Sequence[Recorded | AttributedEvent]
) -> list[Happening]:
    """In their order; an event and the later one that says who did it are one."""
    retracted = retracted_positions(connection)
    facts = [each for each in events if isinstance(each, AttributedEvent)]
    facts += merge_attributions(connection, [each for each in events if isinstance(each, Recorded)])
    causes = causes_of(connection, facts, console.actors)
    found = []
    for fact in facts:
        event, cause = fact.event, causes.get(fact.event.position)
        because = None if cause is None else narrator.sentence(AttributedEvent(cause))
        gone = event.position in retracted
        sentence = narrator.sentence(fact, cause)
        found.append(Happening(event.position, event.occurred_at, sentence, because, gone, fact))
    return found


def is_long_history(connection: Connection, user_id: str) -> bool:
    """Whether the member has more events than a page folds."""
    asked = {"user_id": user_id, "limit": MOST_FOLDED + 1}
    row = connection.execute(statement("web_history_size"), asked).fetchone()
    return row is not None and row[0] > MOST_FOLDED


def people_of(found: Iterable[Happening]) -> set[str]:
    return {user_id for each in found for user_id in each.sentence.people()}


def as_listing(found: Iterable[Happening], following: str | None) -> Listing:
    return Listing(COLUMNS, [_row(each) for each in found], following)


def _row(happening: Happening) -> dict[str, Any]:
    event = happening.fact.event
    return {
        "id": event.position,
        "timestamp": event.occurred_at,
        "event_type": event.event_type,
        "action": event.action,
        "user_id": event.user_id,
        "target": event.target,
        "by": happening.fact.actor,
        "sentence": happening.sentence.text(),
        "source": event.source,
    }
