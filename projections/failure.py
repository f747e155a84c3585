"""Which event a member is parked for, and where in the author's code it failed."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.position import NO_POSITIONS
from temple_ledger.domain.raised import describe_raised
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.counting import count_batch
from temple_ledger.projections.fold import Fold, Folded, Unfoldable, in_fold_order
from temple_ledger.projections.frames import Frame, author_frames, origin_of, with_source
from temple_ledger.projections.tally import Tally


class FoldFailure(NamedTuple):
    """`recorded` is the event that parks the member, `error` what the author's code raised: None where nothing was.

    Rows that cannot be stored, for one, are refused by us and raise nothing.
    """

    recorded: Recorded
    reason: str
    error: BaseException | None

    @property
    def frames(self) -> tuple[Frame, ...]:
        return () if self.error is None else author_frames(self.error)

    def lines(self) -> Iterator[str]:
        yield f"the event at position {self.recorded.position} cannot be folded: {self.reason}"
        yield f"  the event: {in_words(self.recorded)}"
        yield from (f"  {line}" for line in with_source(self.frames))


def failure_of(fold: Fold[Any], known: Sequence[Recorded], done: Folded[Any]) -> FoldFailure:
    """Of a member who is parked: *known* are the events that *done* was folded from."""
    recorded = next(each for each in known if each.position == done.parked_at)
    upto = [each for each in known if each.position <= recorded.position]
    return FoldFailure(recorded, done.error or "unknown", _error_of(fold, upto))


def failure_of_tally(tally: Tally, recorded: Recorded, catalogue: Catalogue) -> FoldFailure | None:
    """None for an event that can be counted."""
    failures = count_batch(tally, [recorded], NO_POSITIONS, catalogue).failures
    if not failures:
        return None
    try:
        tally.counter(catalogue)(recorded)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code: it is what is looked for
        return FoldFailure(recorded, describe_raised(error), error)
    return FoldFailure(recorded, failures[0].error, None)


def _error_of(fold: Fold[Any], events: Sequence[Recorded]) -> BaseException | None:
    """Folded once more, for the exception itself: a fold returns its text alone."""
    try:
        fold.projection.rows(fold.in_order(None, in_fold_order(events) or ()))
    except Unfoldable as failure:
        return None if failure.__cause__ is None else origin_of(failure.__cause__)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's code: it is what is looked for
        return error
    return None


def in_words(recorded: Recorded) -> str:
    """`discord_role_change/added of ada, target Oracle, at 2026-01-01T00:00:00.000000+00:00`."""
    target = "" if recorded.target is None else f", target {recorded.target}"
    when = "no time of the years 1 to 9999" if recorded.occurred_at is None else format_instant(recorded.occurred_at)
    return f"{recorded.event_type}/{recorded.action} of {recorded.user_id}{target}, at {when}"
