"""An event as a sentence: who did what to whom, and why. The one place where events become words.

A sentence is a sequence of parts, so that the terminal prints it, the console links the people in it, and Discord
mentions nobody by accident: each renders the parts in its own way.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.queries.attribution import AttributedEvent
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory

LONGEST: Final = 300
"""Characters of a text that somebody wrote; the event itself has all of it."""
GUILD: Final = "guild"


class Actor(NamedTuple):
    """A bot by which a source acts in the guild: `name` is what it is called. What it does follows from the newest
    event of type `because_of` of the same member."""

    name: str
    because_of: str | None = None


class Person(NamedTuple):
    user_id: str


class NamedTarget(NamedTuple):
    """A role, by its id and as people call it; a tier has no id."""

    label: str
    role: str | None = None


class Quote(NamedTuple):
    """What somebody wrote."""

    text: str


class Somebody(NamedTuple):
    """Nobody is named, or nothing."""

    text: str = "somebody"


Part = str | Person | NamedTarget | Quote | Somebody


class Tone(StrEnum):
    """What sort of thing it was, for colours and icons."""

    GAINED = "gained"
    LOST = "lost"
    JOINED = "joined"
    LEFT = "left"
    PAID = "paid"
    UNPAID = "unpaid"
    ROLE = "role"
    OTHER = "other"


@dataclass(frozen=True)
class Sentence:
    """`cause` is the event that it follows from, as far as that is known."""

    parts: tuple[Part, ...]
    tone: Tone
    cause: Recorded | None = None

    def people(self) -> Iterator[str]:
        """The ids of everybody in it."""
        for part in self.parts:
            if isinstance(part, Person):
                yield part.user_id

    def text(self, person: Callable[[str], str] = str) -> str:
        """*person* renders an id."""
        return "".join(_text(part, person) for part in self.parts)


class Narrator:
    """Makes sentences for one directory of roles; *actors* are the bots of sources, by id."""

    def __init__(self, directory: RoleDirectory, actors: Mapping[str, Actor]) -> None:
        self._directory = directory
        self._actors = actors

    def sentence(self, fact: AttributedEvent, cause: Recorded | None = None) -> Sentence:
        event = fact.event
        make = _MAKERS.get((event.event_type, event.action), _other)
        parts, tone = make(_Facts(fact, self._directory, self._actors, _metadata(fact)))
        return Sentence(tuple(parts), tone, cause)

    def because(self, cause: Recorded) -> Sentence:
        """The cause in short, without its subject, which is that of what follows from it."""
        whole = self.sentence(AttributedEvent(cause))
        return Sentence(tuple(_without_subject(whole.parts, cause.user_id)), whole.tone)


class _Facts(NamedTuple):
    """What a sentence is made of."""

    fact: AttributedEvent
    directory: RoleDirectory
    actors: Mapping[str, Actor]
    metadata: Mapping[str, Any]

    @property
    def subject(self) -> Person:
        return Person(self.fact.event.user_id)

    @property
    def by(self) -> Part:
        by = self.fact.actor
        if by is None:
            return Somebody()
        actor = self.actors.get(by)
        return Person(by) if actor is None else NamedTarget(actor.name)

    @property
    def by_themselves(self) -> bool:
        return self.fact.actor == self.fact.event.user_id

    @property
    def target(self) -> Part:
        """An event that cannot be folded may name no role."""
        role = self.fact.event.target
        return NamedTarget(_short(self.directory.label(role)), role) if role else Somebody("some role")

    @property
    def tier(self) -> Part:
        tier = self.fact.event.target
        return NamedTarget(_short(tier)) if tier else Somebody("some tier")

    def why(self) -> list[Part]:
        reason = self.metadata.get("reason")
        return [" ", Quote(_short(reason))] if isinstance(reason, str) and reason.strip() else []


Made = tuple[list[Part], Tone]


def _joined(of: _Facts) -> Made:
    return [of.subject, " joined"], Tone.JOINED


_LEFT_BY: Final = {"kick": "kicked", "ban": "banned", "prune": "pruned"}


def _left(of: _Facts) -> Made:
    how = _LEFT_BY.get(str(of.metadata.get("how") or of.metadata.get("reason")))
    if how is not None and not of.by_themselves:
        why = [] if of.metadata.get("reason") in _LEFT_BY else of.why()
        return [of.by, f" {how} ", of.subject, *why], Tone.LEFT
    return [of.subject, " left", *of.why()], Tone.LEFT


def _added(of: _Facts) -> Made:
    if of.by_themselves:
        return [of.subject, " took ", of.target, *of.why()], Tone.GAINED
    return [of.by, " gave ", of.target, " to ", of.subject, *of.why()], Tone.GAINED


def _removed(of: _Facts) -> Made:
    if "role deleted" in (of.metadata.get("how"), of.metadata.get("reason")):
        return [of.subject, " lost ", of.target, ": the role was deleted"], Tone.LOST
    if of.by_themselves:
        return [of.subject, " dropped ", of.target, *of.why()], Tone.LOST
    return [of.by, " removed ", of.target, " from ", of.subject, *of.why()], Tone.LOST


def _pledged(of: _Facts) -> Made:
    if of.fact.event.target is None:
        return [of.subject, " became a patron, without a tier"], Tone.PAID
    return [of.subject, " became a patron: ", of.tier], Tone.PAID


def _changed(of: _Facts) -> Made:
    if of.fact.event.target is None:
        return [of.subject, " has no paid tier any more"], Tone.UNPAID
    return [of.subject, " now pays for ", of.tier], Tone.PAID


def _declined(of: _Facts) -> Made:
    if of.fact.event.target is None:
        return ["the payment of ", of.subject, " was declined"], Tone.UNPAID
    return ["the payment of ", of.subject, " was declined; they keep ", of.tier, " for now"], Tone.UNPAID


def _ended(of: _Facts) -> Made:
    if of.fact.event.target is None:
        return [of.subject, " stopped paying"], Tone.UNPAID
    return [of.subject, " stopped paying; they keep ", of.tier, " for now"], Tone.UNPAID


def _inactive(of: _Facts) -> Made:
    return [of.subject, " was marked inactive", *of.why()], Tone.OTHER


def _role_event(verb: str) -> Callable[[_Facts], Made]:
    def make(of: _Facts) -> Made:
        name, was = of.metadata.get("name"), of.metadata.get("old_name")
        role = of.target
        if isinstance(role, NamedTarget) and isinstance(name, str) and name.strip():
            role = role._replace(label=_short(name))
        before: list[Part] = [" from ", Quote(_short(was))] if verb == "renamed" and isinstance(was, str) else []
        if of.fact.event.user_id == GUILD and of.fact.actor is not None:
            return [of.by, f" {verb} the role ", role, *before], Tone.ROLE
        if of.fact.event.user_id == GUILD:
            return ["the role ", role, f" was {verb}", *before], Tone.ROLE
        return [of.subject, f" {verb} the role ", role, *before], Tone.ROLE

    return make


def _other(of: _Facts) -> Made:
    event = of.fact.event
    words = f"{event.event_type} {event.action}".replace("_", " ")
    target: list[Part] = [] if event.target is None else [" ", Quote(_short(event.target))]
    return [of.subject, f": {_short(words)}", *target, *of.why()], Tone.OTHER


_MAKERS: Final[Mapping[tuple[str, str], Callable[[_Facts], Made]]] = {
    ("discord_join", "joined"): _joined,
    ("discord_leave", "left"): _left,
    ("discord_role_change", "added"): _added,
    ("discord_role_change", "removed"): _removed,
    ("patreon_membership", "started"): _pledged,
    ("patreon_membership", "changed"): _changed,
    ("patreon_membership", "declined"): _declined,
    ("patreon_membership", "ended"): _ended,
    ("member_inactivity", "marked"): _inactive,
    ("discord_role", "created"): _role_event("created"),
    ("discord_role", "renamed"): _role_event("renamed"),
    ("discord_role", "deleted"): _role_event("deleted"),
}


def _metadata(fact: AttributedEvent) -> Mapping[str, Any]:
    """Of both events of a pair; the later one goes first."""
    found: dict[str, Any] = {}
    for event in (fact.event, fact.attribution):
        if event is not None:
            try:
                found |= event.metadata
            except InvalidEvent:
                continue
    return found


def _without_subject(parts: tuple[Part, ...], user_id: str) -> Iterator[Part]:
    rest = parts[1:] if parts and parts[0] == Person(user_id) else parts
    for place, part in enumerate(rest):
        yield part.removeprefix(" ") if place == 0 and isinstance(part, str) else part


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _text(part: Part, person: Callable[[str], str]) -> str:
    match part:
        case Person(user_id):
            return person(user_id)
        case NamedTarget(label):
            return label
        case Quote(text):
            return f"“{text}”"
        case Somebody(text):
            return text
        case str():
            return part
