"""A batch: events folded together, and what has to be stored for it. A calculation, but for the history it asks for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, Generic, NamedTuple, Protocol

from temple_ledger.domain.event import Event
from temple_ledger.domain.position import NO_POSITIONS, Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.difference import EMPTY, Changes, MemberDifference, member_difference
from temple_ledger.projections.fold import FailureKind, Fold, Folded, Frontier
from temple_ledger.projections.grouped import ByMember
from temple_ledger.projections.late import before_and_after
from temple_ledger.projections.member_projection import State
from temple_ledger.projections.stepping import NO_CHANGES, Follower, Stepped, differ, extend_stepping, follow_history
from temple_ledger.projections.tables import Rows, Table
from temple_ledger.projections.watch import NOBODY_WATCHES, FoldWatch


class StoredRows(NamedTuple):
    """A member's rows as they are stored, and the greatest (timestamp, position) folded into them."""

    rows: Rows
    frontier: Frontier | None


class KnownMember(NamedTuple, Generic[State]):
    """A member between two batches."""

    state: State | None
    rows: Rows
    frontier: Frontier | None


class Failure(NamedTuple):
    """`frames` are the last ones of an author's exception."""

    position: Position
    user_id: str
    error: str
    kind: FailureKind = FailureKind.EVENT
    frames: str | None = None


TOO_LONG: Final = "its history is too long for a step; it is folded beside the others"

LOG_CHANGED: Final = "the log was changed"


def event_changed(position: Position) -> str:
    return f"{LOG_CHANGED}: its event at position {position} is not what was sealed; see: temple seal verify"


EVENTS_LOST: Final = f"{LOG_CHANGED}: events that were sealed are gone, and its rows differ; see: temple seal verify"


class SealedLog(Protocol):
    """What a fold from the log asks of the seals."""

    def changed(self, user_ids: Sequence[str], upto: Position) -> Mapping[str, Position]:
        """Of those members with an event that is not what was sealed, the first such event."""

    def has_lost(self) -> bool:
        """Whether events are missing that were sealed. Counts them: it takes as long."""


class Unsealed:
    """A log that has no seals."""

    def changed(self, user_ids: Sequence[str], upto: Position) -> Mapping[str, Position]:
        return {}

    def has_lost(self) -> bool:
        return False


UNSEALED: Final = Unsealed()
PROVEN_AT_A_TIME: Final = 2_000
"""Events, of histories that are in memory together."""

Histories = Callable[[Sequence[str]], Iterable[tuple[str, Sequence[Recorded] | None]]]
"""All known events of each of these members up to the end of the batch, in any order; empty if there are none."""


@dataclass
class MemberBatch(Generic[State]):
    changes: Changes = field(default_factory=Changes)
    members: dict[str, KnownMember[State]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    refolded: int = 0


def known_events(fold: Fold[State], grouped: ByMember, left_out: "Exceptions") -> ByMember:
    """The known ones of each member, without those of parked members and those that are left out."""
    names, parked, positions = fold.names_known, left_out.parked, left_out.left_out
    found = ByMember()
    for user_id, events in grouped.items():
        if user_id in parked:
            continue
        if not positions and grouped.names[user_id] <= names:
            found[user_id] = events
            continue
        its = [each for each in events if (each[2], each[4]) in names]
        if positions:
            its = [each for each in its if each.position not in positions]
        if its:
            found[user_id] = its
    return found


@dataclass(frozen=True)
class Exceptions:
    """Parked members, by the position that parked them, and positions that were skipped or retracted."""

    parked: Mapping[str, Position] = field(default_factory=dict)
    left_out: PositionSet = NO_POSITIONS
    parked_positions: frozenset[Position] = frozenset()

    @property
    def uncounted(self) -> PositionSet:
        """What a tally does not count: the positions left out, and the parked ones."""
        return self.left_out | PositionSet.of(self.parked_positions)

    def also_parked(self, failures: Iterable[Failure]) -> "Exceptions":
        more = list(failures)
        parked = {**self.parked, **{each.user_id: each.position for each in more}}
        return Exceptions(parked, self.left_out, self.parked_positions | {each.position for each in more})


def without(left_out: PositionSet, events: Sequence[Recorded]) -> Sequence[Recorded]:
    """The events that are not left out."""
    return [recorded for recorded in events if recorded.position not in left_out] if left_out else events


def known_of(fold: Fold[State], stored: StoredRows) -> KnownMember[State] | None:
    """None if the stored rows are not a state, or rows and frontier disagree: then the log decides."""
    if stored.frontier is None:
        return None if any(stored.rows.values()) else KnownMember(None, EMPTY, None)
    try:
        return KnownMember(fold.projection.state_of(stored.rows), stored.rows, stored.frontier)
    except (Exception, SystemExit):  # noqa: BLE001 - an author's code: whatever it raises is decided by position
        return None


def fold_batch(
    fold: Fold[State],
    grouped: Mapping[str, Sequence[Recorded]],
    known: Mapping[str, KnownMember[State] | None],
    stored_rows: Callable[[str], Rows],
    histories: Histories,
    watch: FoldWatch = NOBODY_WATCHES,
    log: SealedLog = UNSEALED,
    follower: Follower | None = None,
    decoded: dict[Position, Event] | None = None,
) -> MemberBatch[State]:
    """`known` has each member of the batch; None there means: fold the whole history. *decoded* are events that another
    projection of ours has decoded, or will find decoded.

    Rows are never made from a *log* that was changed: then the member is parked. A *follower* is given the change of
    each event that it wants; it costs nothing where there is none.
    """
    batch: MemberBatch[State] = MemberBatch()
    from_the_log: list[str] = []
    extended: list[tuple[str, Folded[State], MemberDifference, Sequence[Stepped[State]]]] = []
    name, tables = fold.projection.name, fold.projection.tables
    for user_id, events in grouped.items():
        watch.set(name, user_id, events)
        before = known[user_id]
        wanted = NO_CHANGES if follower is None else follower.wanted(user_id, events)
        if before is None:
            from_the_log.append(user_id)
            continue
        done, stepped = (
            extend_stepping(fold, before.state, before.frontier, before.rows, events, wanted)
            if wanted
            else (fold.extend(before.state, before.frontier, events, decoded), ())
        )
        if done is None:
            from_the_log.append(user_id)
        else:
            extended.append((user_id, done, member_difference(tables, before.rows, done.rows), stepped))
    watch.clear()
    certain = _certainly_stored(tables, [difference for _, _, difference, _ in extended])
    for user_id, done, difference, stepped in extended:
        if not (certain or _is_stored(difference)) or _repeats(difference, done.rows):
            from_the_log.append(user_id)
            continue
        _put(batch, user_id, done, difference)
        if follower is not None and stepped:
            follower.use(stepped, ())
    batch.refolded = len(from_the_log)
    if not from_the_log:
        return batch
    upto = max(each.position for events in grouped.values() for each in events)
    for user_id, every, changed in _proven(histories(from_the_log), log, upto):
        # whoever is parked here keeps the rows of the position before
        first = min(recorded.position for recorded in grouped[user_id])
        if every is None:
            batch.failures.append(Failure(first, user_id, TOO_LONG, FailureKind.LONG))
            continue
        if changed is not None:
            batch.failures.append(Failure(first, user_id, event_changed(changed), FailureKind.CHANGED))
            continue
        before = known[user_id]
        rows = stored_rows(user_id) if before is None else before.rows
        watch.set(name, user_id, grouped[user_id])
        earlier, done = before_and_after(fold, every, first)
        if differ(fold, rows, earlier.rows) and log.has_lost():
            # the rows are not what the log had before the batch: they were edited, or the log was
            batch.failures.append(Failure(first, user_id, EVENTS_LOST, FailureKind.CHANGED))
            watch.clear()
            continue
        _put(batch, user_id, done, member_difference(tables, rows, done.rows))
        if follower is not None:
            follow_history(fold, every, done.parked_at, follower.wanted(user_id, grouped[user_id]), follower)
        watch.clear()
    return batch


def _proven(
    histories: Iterable[tuple[str, Sequence[Recorded] | None]], log: SealedLog, upto: Position
) -> Iterator[tuple[str, Sequence[Recorded] | None, Position | None]]:
    """Each history with its first event that is not what was sealed. A long one is not asked about here."""
    for page in _small_pages(histories):
        changed = log.changed([user_id for user_id, every in page if every is not None], upto)
        for user_id, every in page:
            yield user_id, every, changed.get(user_id)


def _small_pages(
    histories: Iterable[tuple[str, Sequence[Recorded] | None]],
) -> Iterator[list[tuple[str, Sequence[Recorded] | None]]]:
    page: list[tuple[str, Sequence[Recorded] | None]] = []
    events = 0
    for user_id, every in histories:
        page.append((user_id, every))
        events += len(every or ())
        if events >= PROVEN_AT_A_TIME:
            yield page
            page, events = [], 0
    if page:
        yield page


def failure_of(user_id: str, folded: Folded[Any]) -> Failure | None:
    """What parks the member; None where all of it was folded."""
    if folded.parked_at is None:
        return None
    return Failure(folded.parked_at, user_id, folded.error or "unknown", folded.kind, folded.frames)


def _certainly_stored(tables: Sequence[Table], differences: Sequence[MemberDifference]) -> bool:
    """Whether what these members get can be stored, seen a column at a time: so it nearly always is."""
    for place, table in enumerate(tables):
        found = [difference[place][1] for difference in differences]
        written = [rows for new, changed, _ in found for rows in (new, changed) if rows]
        if written and not table.certainly_takes(list(chain.from_iterable(written))):
            return False
        if any(len(rows) > 1 and table.has_key_twice(rows) for rows in written):
            return False
    return True


def _is_stored(difference: MemberDifference) -> bool:
    """False when a row could not be stored: which event is to blame is decided by position."""
    return all(table.refuses_together(rows.written) is None for table, rows in difference)


def _repeats(difference: MemberDifference, rows: Rows) -> bool:
    """Whether a row that is written has in a unique index what another row of the member has."""
    return any(
        table.unique and its_rows.written and table.repeated_in(rows.get(table.name, ())) is not None
        for table, its_rows in difference
    )


def _put(batch: MemberBatch[State], user_id: str, done: Folded[State], difference: MemberDifference) -> None:
    batch.changes.add(user_id, difference)
    batch.members[user_id] = KnownMember(done.state, done.rows, done.frontier)
    failure = failure_of(user_id, done)
    if failure is not None:
        batch.failures.append(failure)
