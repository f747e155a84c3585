"""The one fold: live, replay, verify, repair and as-of are this with other events.

    rows(member, p) = fold(evolve, the member's events with position <= p, ordered by (timestamp, position))

What is here is a calculation: no time, no database, no batches.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Set
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any, Final, Generic, NamedTuple, cast

from temple_ledger.domain.catalogue import CATALOGUE, Catalogue, EventType
from temple_ledger.domain.errors import InvalidEvent, LedgerError, NewerVersion, ProjectionMisdeclared
from temple_ledger.domain.event import Event
from temple_ledger.domain.position import Position
from temple_ledger.domain.raised import describe_error, describe_raised, whole_text
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.frames import frames_as_text
from temple_ledger.projections.member_projection import Evolve, MemberProjection, State, line_of
from temple_ledger.projections.tables import Rows


class Frontier(NamedTuple):
    """The greatest (timestamp, position) folded for a member: an event below it is late."""

    occurred_at: datetime
    position: Position


class FailureKind(StrEnum):
    """Why a member is parked."""

    EVENT = "event"
    """Its event, or the rows that follow from it, cannot be folded."""
    VERSION = "version"
    """Its event is of a version that this process does not know: a newer one folds it when it takes the lead."""
    TIME = "time"
    """Its fold took too long, and the process that was at it was ended; or it ended that process."""
    LONG = "long"
    """Its history is too long for a step: it is folded beside the steps, and then parked no more."""
    CHANGED = "changed"
    """Its events in the log are not what was sealed: its rows stay until somebody has settled that."""


class Unfoldable(LedgerError):
    """The event at *position* could not be folded. *frames* are the last ones of an author's exception."""

    def __init__(
        self, position: Position, reason: str, frames: str | None = None, kind: FailureKind = FailureKind.EVENT
    ) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason
        self.frames = frames
        self.kind = kind


class Folded(NamedTuple, Generic[State]):
    """A member after some events; `state` is None before the first known one, and `rows` are those of the state.

    `parked_at` is the position of the event that could not be folded, and then the rest is the member at the position
    before it.
    """

    state: State | None
    frontier: Frontier | None
    rows: Rows
    parked_at: Position | None = None
    error: str | None = None
    frames: str | None = None
    kind: FailureKind = FailureKind.EVENT


NOBODY: Final[Folded[Any]] = Folded(None, None, {})
"""A member without events."""


class Fold(Generic[State]):
    """A projection bound to the catalogue that decodes its events."""

    def __init__(self, projection: MemberProjection[State], catalogue: Catalogue) -> None:
        """Raises EventMisdeclared for a rule about an event that has no name, ProjectionMisdeclared for its rows."""
        self.projection = projection
        self.catalogue = catalogue
        types = [catalogue.type_of(model) for model in projection.steps]
        self._steps = {
            name: (_decode_of(projection, known), projection.steps[known.model])
            for known in types
            for name in known.names
        }

        self._names = frozenset(self._steps)
        self._decoders = {name: known.decode for known in types for name in known.names}

        self.reading_metadata = frozenset(name for known in types if known.reads_metadata for name in known.names)
        """Those of `names` whose payload is looked at."""

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """(event_type, action) of the events that this projection folds; it ignores all others."""
        return tuple(self._steps)

    @property
    def names_known(self) -> Set[tuple[str, str]]:
        """The same, to ask for many events."""
        return self._names

    def knows(self, recorded: Recorded) -> bool:
        return (recorded.event_type, recorded.action) in self._steps

    def event_of(self, recorded: Recorded) -> Event:
        """A known event, decoded. Raises UndecodableEvent."""
        return self._decoders[recorded.event_type, recorded.action](recorded)

    def rule_of(self, recorded: Recorded) -> Evolve[State]:
        """The author's function for a known event."""
        return self._steps[recorded.event_type, recorded.action][1]

    def apply(self, state: State | None, recorded: Recorded) -> State:
        """One known event. Raises Unfoldable, whatever the reason."""
        decode, step = self._steps[recorded.event_type, recorded.action]
        try:
            after = step(self.projection.initial() if state is None else state, decode(recorded))
            if after is None:
                raise _returned_none(step)
        except (Exception, SystemExit) as error:  # an author's code: whatever it raises parks the member
            raise _unfoldable(recorded, error) from error
        return after

    def in_order(
        self, state: State | None, events: Iterable[Recorded], decoded: dict[Position, Event] | None = None
    ) -> State | None:
        """Known events that are ordered by (timestamp, position) and none of them late. Raises Unfoldable.

        What `apply` does, for many: a million times over, entering a function and a guard each time is felt.
        """
        steps, initial = self._steps, self.projection.initial
        recorded: Recorded | None = None
        try:
            if decoded is not None and self.projection.reads_fields_alone:
                found = decoded.get
                for recorded in events:
                    decode, step = steps[recorded[2], recorded[4]]
                    event = found(recorded[0])
                    if event is None:
                        decoded[recorded[0]] = event = decode(recorded)
                    state = step(initial() if state is None else state, event)
                    if state is None:
                        raise _returned_none(step)
                return state
            for recorded in events:
                decode, step = steps[recorded[2], recorded[4]]
                state = step(initial() if state is None else state, decode(recorded))
                if state is None:
                    raise _returned_none(step)
        except (Exception, SystemExit) as error:  # an author's code: whatever it raises parks the member
            if recorded is None:
                raise
            raise _unfoldable(recorded, error) from error
        return state

    def whole(self, events: Iterable[Recorded]) -> Folded[State]:
        """All events of one member up to some position, in any order; unknown ones are passed over."""
        return self.whole_of_known([recorded for recorded in events if self.knows(recorded)])

    def whole_of_known(self, events: Sequence[Recorded]) -> Folded[State]:
        """The same, for callers that pass only events that this projection folds."""
        try:
            return self._fold(events)
        except Unfoldable as failure:
            return self._by_position(events, failure)

    def extend(
        self,
        state: State | None,
        frontier: Frontier | None,
        events: Sequence[Recorded],
        decoded: dict[Position, Event] | None = None,
    ) -> Folded[State] | None:
        """The member after further known events; None when that takes the member's whole history.

        It does when one of them is late, or could not be folded: which one has to be parked is decided by position.
        Whether the rows can be stored is for the caller to decide, who can see which of them are new.
        """
        ordered = in_fold_order(events)
        if ordered is None or (frontier is not None and _place(ordered[0]) <= frontier):
            return None
        try:
            state = self.in_order(state, ordered, decoded)
            return Folded(state, _place(ordered[-1]), self.projection.rows(state))
        except (Exception, SystemExit):  # noqa: BLE001 - an author's code: whatever it raises is decided by position
            return None

    def whole_in_pages(
        self, pages_upto: Callable[[Position], Iterable[Sequence[Recorded]]], upto: Position
    ) -> Folded[State]:
        """The same for a history that is too long for memory, up to *upto*.

        *pages_upto* reads the member's known events up to a position, ordered by (timestamp, position), a page at a
        time, and may be called more than once.
        """

        def fold_upto(position: int) -> Folded[State]:
            newest = 0
            read = pages_upto(Position(position))

            def pages() -> Iterator[Sequence[Recorded]]:
                nonlocal newest
                for page in read:
                    newest = max(newest, *(recorded.position for recorded in page)) if page else newest
                    yield page

            try:
                return self._fold_pages(pages(), lambda: newest)
            finally:
                # now, and not when it is collected: its connection may be at another statement then, and both wait
                if isinstance(read, Generator):
                    read.close()

        try:
            return fold_upto(upto)
        except Unfoldable as failure:
            done, before, failure = _before_failure(
                fold_upto,
                before=failure.position - 1,
                fails=upto,
                failure=failure,
            )
            return _parked(done, Position(before + 1), failure)

    def _fold(self, known: Sequence[Recorded]) -> Folded[State]:
        in_order = in_fold_order(known)
        if in_order is None:
            first = min(recorded.position for recorded in known if recorded.occurred_at is None)
            raise _without_time(first)
        return self._fold_pages([in_order], lambda: max(recorded.position for recorded in known))

    def _fold_pages(self, pages: Iterable[Sequence[Recorded]], newest: Callable[[], int]) -> Folded[State]:
        """Known events that are ordered by (timestamp, position); *newest* is the greatest position among them."""
        state: State | None = None
        last: Recorded | None = None
        for page in pages:
            if not page:
                continue
            if page[-1].occurred_at is None or page[0].occurred_at is None:
                raise _without_time(min(recorded.position for recorded in page if recorded.occurred_at is None))
            state = self.in_order(state, page)
            last = page[-1]
        if last is None:
            return NOBODY
        rows, refused, frames = self._rows_of(state)
        if refused is not None:
            raise Unfoldable(Position(newest()), refused, frames)
        return Folded(state, _place(last), rows)

    def _by_position(self, known: Sequence[Recorded], failure: Unfoldable) -> Folded[State]:
        """The member at the position before the first one up to which its events do not fold; *failure* is that of all.

        A failure stays once it is there, but for rules whose failure a later event heals (docs/decisions/0002). So the
        position is found by halves, in O(n log n), whatever the order of arrival; nearly always the event that failed
        is the one, which is looked at first.
        """
        by_position = sorted(known, key=lambda recorded: recorded.position)
        place = {recorded.position: count for count, recorded in enumerate(by_position)}
        done, folds, failure = _before_failure(
            lambda count: self._fold(by_position[:count]),
            before=place[failure.position],
            fails=len(by_position),
            failure=failure,
        )
        return _parked(done, by_position[folds].position, failure)

    def takes(self, rows: Rows) -> bool:
        """Whether these rows, all of one member's, can be stored."""
        try:
            return all(table.refuses_together(rows.get(table.name, ())) is None for table in self.projection.tables)
        except (Exception, SystemExit):  # noqa: BLE001 - of an author's making: why, is decided by position
            return False

    def _rows_of(self, state: State | None) -> tuple[Rows, str | None, str | None]:
        """The rows of *state*, and why they could not be stored, and where the author's code raised."""
        try:
            rows = self.projection.rows(state)
            for table in self.projection.tables:
                reason = table.refuses_together(rows.get(table.name, ()))
                if reason is not None:
                    return {}, reason, None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code: whatever it raises parks the member
            return {}, _why(error), frames_as_text(error)
        return rows, None, None


def _decode_of(projection: MemberProjection[Any], known: EventType) -> Callable[[Recorded], Event]:
    ours = known.model in {each.model for each in CATALOGUE}
    return known.decode_into_slots if projection.reads_fields_alone and ours else known.decode


def _before_failure(
    fold_upto: Callable[[int], Folded[State]], *, before: int, fails: int, failure: Unfoldable
) -> tuple[Folded[State], int, Unfoldable]:
    """The greatest number up to which it folds, found by halves: the fold there, the number, what fails right after.

    It fails at *fails* with *failure*; nearly always it folds up to *before* and no further, which is tried first.
    """
    done: Folded[State] = NOBODY
    folds = 0
    near = [before, before + 1]
    while fails - folds > 1:
        middle = next((each for each in near if folds < each < fails), (folds + fails) // 2)
        near = [each for each in near if each != middle]
        try:
            done, folds = fold_upto(middle), middle
        except Unfoldable as error:
            failure, fails = error, middle
    return done, folds, failure


def _parked(done: Folded[State], at: Position, failure: Unfoldable) -> Folded[State]:
    return done._replace(parked_at=at, error=_reason(failure, at), frames=failure.frames, kind=failure.kind)


def _without_time(position: Position) -> Unfoldable:
    return Unfoldable(position, "timestamp is outside the years 1 to 9999")


def _returned_none(rule: Evolve[Any]) -> ProjectionMisdeclared:
    return ProjectionMisdeclared(f"the rule on line {line_of(rule)} returned None, and no state: is a return missing?")


def _why(error: BaseException) -> str:
    if isinstance(error, InvalidEvent):
        return whole_text(error.reason)
    return describe_error(error) if isinstance(error, ProjectionMisdeclared) else describe_raised(error)


def _unfoldable(recorded: Recorded, error: BaseException) -> Unfoldable:
    reason = _why(error)
    raised: BaseException | None = error.__cause__ if isinstance(error, InvalidEvent) else error
    frames = None if raised is None else frames_as_text(raised)
    kind = FailureKind.VERSION if isinstance(error, NewerVersion) else FailureKind.EVENT
    return Unfoldable(recorded.position, reason, frames, kind)


def _place(recorded: Recorded) -> Frontier:
    """Of an event with a time: `in_fold_order` refuses all others."""
    return Frontier(cast(datetime, recorded.occurred_at), recorded.position)


_PLACE: Final = itemgetter(Recorded._fields.index("occurred_at"), Recorded._fields.index("position"))


def in_fold_order(events: Sequence[Recorded]) -> Sequence[Recorded] | None:
    """By (timestamp, position); None when a timestamp cannot be compared."""
    try:
        in_order = sorted(events, key=_PLACE)
    except TypeError:
        # whatever way it sorts, it met a None beside a time; a time without an offset is in no log
        if any(recorded.occurred_at is None for recorded in events):
            return None
        raise
    return None if in_order and in_order[0].occurred_at is None else in_order


def _reason(error: Unfoldable, position: Position) -> str:
    """A late event may make another one fail: both are named."""
    return error.reason if error.position == position else f"{error.reason} (at position {error.position})"
