"""How many members of a step are in memory together: rows are read, folded and written of some of them at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from temple_ledger.projections.grouped import ByMember

MOST_BYTES_READ: Final = 4 * 2**20
"""Of the rows of members that are read together, as far as those before them foretell it."""
FEWEST: Final = 16
MOST: Final = 500


class MembersAtATime:
    """Members get more rows for as long as they live, so a number of members would be no bound."""

    def __init__(self) -> None:
        self._number = FEWEST

    def of(self, grouped: ByMember) -> Iterator[ByMember]:
        """All of them, some at a time. Between two, `read` is called."""
        left = iter(grouped.items())
        while some := ByMember(islice(left, self._number)):
            yield some

    def read(self, members: int, sizes: Iterable[int]) -> None:
        """Of so many members, some had rows of these sizes in bytes: the next ones are as many as that leaves room for,
        and no more than twice as many."""
        sample = list(islice(sizes, FEWEST))
        if not sample:
            return
        fitting = MOST_BYTES_READ * len(sample) // max(1, sum(sample))
        most = min(MOST, 2 * self._number) if members >= self._number else self._number
        self._number = max(FEWEST, min(fitting, most))
