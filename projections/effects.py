"""What follows from the changes of a step: the rows of the outbox."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from temple_ledger.domain.position import START, Position
from temple_ledger.domain.raised import describe_error
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.change import Change
from temple_ledger.projections.effect import Effect
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.frames import frames_as_text
from temple_ledger.projections.member_projection import State
from temple_ledger.projections.stepping import Stepped, differ

LONGEST_AGE: Final = timedelta(days=1_000_000)


class InstalledEffect(NamedTuple):
    """Events at or before `start` raise none."""

    effect: Effect
    start: Position


class HeldBack(StrEnum):
    """Why an event raises no effect."""

    START = "before its start"
    AGE = "too old"
    IMPORT = "imported"
    SNAPSHOT = "of a snapshot"
    REPLAY = "passed by a replay"
    SWITCH = "waiting at a switch"
    LONG = "in the middle of a long history"


class Special(NamedTuple):
    """What is not usual about an event; `age` is how long after it occurred it was recorded."""

    imported: bool
    of_snapshot: bool
    age: timedelta


class Outgoing(NamedTuple):
    """A row of the outbox. Without `data`, the function failed with `error`, at `frames`."""

    effect: str
    position: Position
    number: int
    user_id: str
    occurred_at: datetime
    sink: str | None
    type: str | None
    data: str | None
    error: str | None = None
    frames: str | None = None


class EffectFollower:
    """Calls the effects of a projection for the changes that raise them."""

    def __init__(
        self,
        fold: Fold[Any],
        installed: Sequence[InstalledEffect],
        special: Mapping[Position, Special],
        *,
        after: Position = START,
    ) -> None:
        """Of events above *after*."""
        self._fold = fold
        self._installed = installed
        self._special = special
        self._raising_all: Final = not special and all(each.start <= after for each in installed)
        """Whether no event of the step is held back, which is nearly always so."""
        self.outgoing: list[Outgoing] = []
        self.held_back: Counter[tuple[str, HeldBack]] = Counter()

    def wanted(self, user_id: str, events: Sequence[Recorded]) -> frozenset[Position]:
        if self._raising_all:
            return frozenset([recorded.position for recorded in events] if self._installed else ())
        found = set()
        for recorded in events:
            for each in self._installed:
                if self._why_not(each, recorded.position) is None:
                    found.add(recorded.position)
        return frozenset(found)

    def only_wanted(self, positions: Iterable[Position]) -> list[Position]:
        return [each for each in positions if any(self._why_not(one, each) is None for one in self._installed)]

    def count_held_back(self, events: Iterable[Recorded]) -> None:
        """Of known events that are folded."""
        if self._raising_all:
            return
        for recorded in events:
            for each in self._installed:
                why = self._why_not(each, recorded.position)
                if why is not None:
                    self.held_back[each.effect.name, why] += 1

    def use(self, stepped: Iterable[Stepped[Any]], missed: Iterable[Position]) -> None:
        for each in stepped:
            change = change_of(self._fold, each)
            for installed in self._installed:
                if self._raising_all or self._why_not(installed, change.position) is None:
                    self.outgoing += raised(installed.effect, change)
        for _ in missed:
            for installed in self._installed:
                self.held_back[installed.effect.name, HeldBack.LONG] += 1

    def _why_not(self, installed: InstalledEffect, position: Position) -> HeldBack | None:
        if position <= installed.start:
            return HeldBack.START
        special = self._special.get(position)
        if special is None:
            return None
        if special.imported:
            return HeldBack.IMPORT
        if special.of_snapshot:
            return HeldBack.SNAPSHOT
        most = installed.effect.max_age
        return HeldBack.AGE if most is not None and special.age > most else None


def change_of(fold: Fold[Any], stepped: Stepped[Any]) -> Change[Any]:
    recorded, before, after, _, _ = stepped
    projection = fold.projection
    change: Change[Any] = object.__new__(Change)
    # at once: its own constructor sets a frozen one field by field, which takes three times as long
    vars(change).update(
        projection=projection.name,
        version=projection.version,
        user_id=recorded.user_id,
        position=recorded.position,
        event=fold.event_of(recorded),
        before=before,
        after=after,
    )
    return change


def raised(effect: Effect, change: Change[Any]) -> Iterator[Outgoing]:
    """What the effect sends; one that raises leaves a failed entry, and parks nobody."""
    when = change.event.occurred_at
    try:
        messages = effect.messages(change)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code: whatever it raises is shown and can be tried again
        reason = describe_error(error)
        nothing = (None, None, None)
        yield Outgoing(effect.name, change.position, 0, change.user_id, when, *nothing, reason, frames_as_text(error))
        return
    for number, (message, data) in enumerate(messages):
        where = (message.sink, message.type or effect.name)
        yield Outgoing(effect.name, change.position, number, change.user_id, when, *where, data)


def changes_of_log(fold: Fold[State], log: Iterable[Recorded], after: int) -> Iterator[Change[State]]:
    """Of all members, at positions above *after*, by position; each by the equation. For tests."""
    events = [recorded for recorded in log if fold.knows(recorded)]
    for recorded in events:
        if recorded.position <= after:
            continue
        known = [each for each in events if each.user_id == recorded.user_id and each.position <= recorded.position]
        before = fold.whole_of_known([each for each in known if each is not recorded])
        now = fold.whole_of_known(known)
        if now.parked_at is None and now.state is not None and differ(fold, before.rows, now.rows):
            yield change_of(fold, Stepped(recorded, before.state, now.state, before.rows, now.rows))


SpecialEvents = Callable[..., Mapping[Position, Special]]
"""`(after, upto, older_than)`: see ProjectingTransaction."""


def follower_of(
    fold: Fold[Any],
    installed: Sequence[InstalledEffect],
    special_events: SpecialEvents,
    *,
    after: Position,
    upto: Position,
) -> EffectFollower:
    ages = [each.effect.max_age for each in installed]
    youngest = min((age for age in ages if age is not None), default=LONGEST_AGE)
    started = any(each.start < upto for each in installed)
    special = special_events(after=after, upto=upto, older_than=youngest) if started else {}
    return EffectFollower(fold, installed, special, after=after)
