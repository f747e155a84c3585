"""Given a history, then these counts: tests of a tally without a database.

spec = TallySpecification(joins)
spec.given(joined("ada", at(1)), joined("bob", at(2)))
spec.then_counts({(date(2026, 1, 1),): 2})
"""

from collections.abc import Mapping

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.event import Event
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.domain.position import NO_POSITIONS
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.author import catalogue_or_installed
from temple_ledger.projections.counting import TallyBatch, count_batch
from temple_ledger.projections.failure import FoldFailure, failure_of_tally
from temple_ledger.projections.tally import Key, Tally
from temple_ledger.projections.testing.comparison import at_fault, require_rows
from temple_ledger.projections.testing.given_log import GivenLog
from temple_ledger.projections.testing.time_limit import ends_in_time


class TallySpecification:
    """One tally and the events that were appended so far."""

    def __init__(self, tally: Tally, catalogue: Catalogue | None = None) -> None:
        self._tally = tally
        self._catalogue = catalogue_or_installed(catalogue).with_models(tally.events)
        self._given = GivenLog(self._catalogue)
        self._parked: set[int] = set()

    @property
    def log(self) -> list[Recorded]:
        return self._given.recorded

    def given(self, *events: Event | LogEntry) -> "TallySpecification":
        self._given.given(events)
        return self

    def when(self, *events: Event | LogEntry) -> "TallySpecification":
        self._given.when(events)
        return self

    @ends_in_time
    def then_counts(self, expected: Mapping[Key, int]) -> None:
        """The number of each key; a key that is absent is zero."""
        require_rows(self._tally.table, self._tally.name, _rows(expected), _rows(self._counted().increments))

    @ends_in_time
    def then_nothing_changed(self) -> None:
        """The last `when` counted nothing."""
        count = self._given.before_when
        if count is None:
            raise AssertionError("nothing happened that could change anything: give it with when(...)")
        before = count_batch(self._tally, self.log[:count], NO_POSITIONS, self._catalogue).increments
        require_rows(self._tally.table, self._tally.name, _rows(before), _rows(self._counted().increments))

    @ends_in_time
    def then_parked(self, position: int, reason: str = "") -> None:
        """The event at *position* cannot be counted; *reason* is part of why."""
        failures = count_batch(self._tally, self.log, NO_POSITIONS, self._catalogue).failures
        found = next((each for each in failures if each.position == position), None)
        if found is None or reason not in found.error:
            parked = ", ".join(f"{each.position} ({each.error})" for each in failures) or "none"
            raise AssertionError(f"position {position} is not parked with {reason!r} in the reason; parked: {parked}")
        self._parked.add(position)

    def _counted(self) -> TallyBatch:
        """Raises AssertionError for an event that cannot be counted, or is counted in another way the second time."""
        counted = count_batch(self._tally, self.log, NO_POSITIONS, self._catalogue)
        for each in counted.failures:
            if each.position not in self._parked:
                recorded = self.log[each.position - 1]
                failure = failure_of_tally(self._tally, recorded, self._catalogue) or FoldFailure(
                    recorded, each.error, None
                )
                raise at_fault(f"{self._tally.name} is at fault:", failure) from failure.error
        again = count_batch(self._tally, reversed(self.log), NO_POSITIONS, self._catalogue)
        if again.increments != counted.increments:
            raise AssertionError(
                f"{self._tally.name} counts the same events in another order as {again.increments!r}, and not as "
                f"{counted.increments!r}: it looks at something that is not in the event"
            )
        return counted


def _rows(counts: Mapping[Key, int]) -> list[tuple[object, ...]]:
    return [(*key, number) for key, number in counts.items() if number]
