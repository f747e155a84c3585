"""One member's history folded in every way that must not matter: all have to give the rows of the fold at once.

In batches of several sizes, each continued from the rows as a database gives them back, and from the state that a
runner remembers. What it costs grows with the history, not with its square: of a long one not every size is tried, and
a way in which late events fold the history again and again goes on in one batch.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Final, TypeVar

from temple_ledger.domain.raised import describe_raised
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.batch import KnownMember, StoredRows, fold_batch, known_of
from temple_ledger.projections.difference import EMPTY
from temple_ledger.projections.failure import in_words
from temple_ledger.projections.fold import Fold, Folded, in_fold_order
from temple_ledger.projections.frames import author_frames, origin_of, with_source
from temple_ledger.projections.member_projection import State, line_of
from temple_ledger.projections.tables import Rows
from temple_ledger.projections.testing.as_stored import as_stored
from temple_ledger.projections.testing.comparison import require_same

EVERY_SIZE_UPTO: Final = 24
"""Events of a history that is folded in batches of every size."""

LEAST_WORK: Final = 10_000
WORK_AN_EVENT: Final = 20
"""Events folded and rows made in one way, before the rest goes in one batch."""

ROWS_COPIED_AN_EVENT: Final = 20
"""A state with more rows is copied at some of its events only."""

T = TypeVar("T")
Between = Callable[[KnownMember[State]], KnownMember[State]]


def require_one_result(fold: Fold[State], events: Sequence[Recorded], whole: Folded[State]) -> None:
    """*events* are the known ones of a member who is not parked, by position, and *whole* is their fold.

    Raises AssertionError, with the first thing that does matter.
    """
    require_pure_rules(fold, events)
    user_id = events[0].user_id if events else ""
    for size in batch_sizes(len(events)):
        for between, how in ((_from_rows(fold), "the stored rows"), (_from_memory, "the remembered state")):
            found = _in_batches(fold, events, size, between)
            why = (
                f"{user_id} has other rows in batches of {size}, each continued from {how} (-), than at once (+): "
                "a rule needs something that is in no column, or looks at something that is not in the event"
            )
            require_same(fold.projection.tables, found, whole.rows, why)


def batch_sizes(events: int) -> list[int]:
    if events <= EVERY_SIZE_UPTO:
        return list(range(1, events + 1))
    return sorted({1, 2, 3, 7, 100, events // 2 + 1, events - 1, events} & set(range(1, events + 1)))


def require_pure_rules(fold: Fold[State], events: Sequence[Recorded]) -> None:
    """A state that a rule changes in place may be remembered elsewhere, and is then wrong there."""
    state = fold.projection.initial()
    uncopied = 0
    for recorded in in_fold_order(events) or ():
        before = None if uncopied > 0 else _copy(state)
        after = fold.apply(state, recorded)
        if before is not None and before != state:
            raise AssertionError(
                f"the rule on line {line_of(fold.rule_of(recorded))} changes its state in place: {before!r} became "
                f"{state!r}; return a new one\n  the event: {in_words(recorded)}"
            )
        uncopied = uncopied - 1 if uncopied > 0 else _number_of_rows(fold, after) // ROWS_COPIED_AN_EVENT
        state = after


def _number_of_rows(fold: Fold[State], state: State) -> int:
    return sum(map(len, fold.projection.rows(state).values()))


def _copy(value: T) -> T | None:
    """None where a copy cannot be made, or does not equal what it was made of."""
    try:
        copied = deepcopy(value)
        return copied if copied == value else None
    except Exception:  # noqa: BLE001 - an author's class: whatever it raises, it cannot be copied
        return None


def _in_batches(fold: Fold[State], events: Sequence[Recorded], size: int, between: Between[State]) -> Rows:
    member: KnownMember[State] = KnownMember(None, EMPTY, None)
    work, start = LEAST_WORK + WORK_AN_EVENT * len(events), 0
    while start < len(events):
        upto = min(start + size, len(events)) if work > 0 else len(events)
        member, cost = _one_batch(fold, events[:upto], start, between(member) if start else member)
        work, start = work - cost, upto
    return member.rows


def _one_batch(
    fold: Fold[State], events: Sequence[Recorded], start: int, known: KnownMember[State]
) -> tuple[KnownMember[State], int]:
    """The member after those from *start* on, and how many events were folded and rows made for it."""
    user_id = events[0].user_id
    done = fold_batch(fold, {user_id: events[start:]}, {user_id: known}, lambda _: EMPTY, lambda _: [(user_id, events)])
    if done.failures:
        parked_at, _, error, *_ = done.failures[0]
        raise AssertionError(
            f"{user_id} is parked at position {parked_at} as long as the events after it have not arrived ({error}), "
            "and only then folds: a rule may not fail for want of a later event"
        )
    if done.refolded:
        _require_late(fold, events[start:], known)
    member = done.members[user_id]
    folded = len(events) if done.refolded else len(events) - start
    return member, folded + sum(map(len, member.rows.values()))


def _require_late(fold: Fold[State], batch: Sequence[Recorded], known: KnownMember[State]) -> None:
    """A live fold that fails where that of the whole history does not is done again from the log, which hides it."""
    ordered = in_fold_order(batch) or ()
    if known.frontier is not None and (ordered[0].occurred_at, ordered[0].position) <= known.frontier:
        return
    try:
        fold.projection.rows(fold.in_order(known.state, ordered))
    except Exception as error:
        why = "\n  ".join([f"{origin_of(error)!r}", *with_source(author_frames(error))])
        raise AssertionError(
            f"the events up to position {batch[-1].position} fold at once, and not from the state {known.state!r}, "
            f"which was turned back from rows or remembered: {why}"
        ) from error


def _from_memory(member: KnownMember[State]) -> KnownMember[State]:
    return member


def _from_rows(fold: Fold[State]) -> Between[State]:
    def turned_back(member: KnownMember[State]) -> KnownMember[State]:
        rows = as_stored(fold.projection.tables, member.rows)
        known = known_of(fold, StoredRows(rows, member.frontier))
        if known is None:
            raise AssertionError(_why_not_turned_back(fold, rows))
        return known

    return turned_back


def _why_not_turned_back(fold: Fold[State], rows: Rows) -> str:
    try:
        fold.projection.state_of(rows)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code: it is what is looked for
        where = "".join(f"\n  {line}" for line in with_source(author_frames(error)))
        return f"these rows cannot be turned back into a state: {describe_raised(error)}\n  {rows!r}{where}"
    return f"these rows cannot be turned back into a state every time: {rows!r}"
