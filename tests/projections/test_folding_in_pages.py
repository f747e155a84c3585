"""A history that is read in pages: each reading has ended before the next one begins."""

from collections.abc import Iterator, Sequence

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.testing.given_log import GivenLog
from temple_ledger.projections.testing.histories import at, role_added
from tests.runner.poisoned import POISON, TABLE, poisoned


def test_a_reading_that_fails_is_over_before_the_history_is_read_again() -> None:
    """A cursor that is left to the garbage collector may be closed while its connection is at another statement."""
    log = GivenLog(CATALOGUE)
    log.given(role_added("ada", POISON if number == 2 else "Oracle", at(9 - number)) for number in range(6))
    reading: list[Position] = []
    readings = 0

    def pages_upto(upto: Position) -> Iterator[Sequence[Recorded]]:
        nonlocal readings
        assert reading == []
        readings += 1
        reading.append(upto)
        try:
            for recorded in sorted(log.recorded, key=lambda each: str(each.occurred_at)):
                if recorded.position <= upto:
                    yield [recorded]
        finally:
            reading.remove(upto)

    folded = Fold(poisoned, CATALOGUE).whole_in_pages(pages_upto, Position(6))
    assert (folded.parked_at, folded.rows) == (3, {TABLE.name: ((2,),)})
    assert readings > 1
