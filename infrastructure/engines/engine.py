"""An engine is one method: it runs a task for each share of the buckets, somewhere, at least once."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, Protocol, TypeVar

from temple_ledger.domain.errors import (
    ArchiveDamaged,
    ArchiveUnavailable,
    DatabaseUnavailable,
    LedgerError,
    Refused,
    SchemaMismatch,
)
from temple_ledger.infrastructure.archive.buckets import BUCKETS
from temple_ledger.infrastructure.database.connection import Database, in_words, passes
from temple_ledger.projections.endless_folds import endless_folds_end

SHARES_A_WORKER: Final = 8
"""So that the last worker does not go on alone for long."""

AHEAD: Final = 4
"""So many tasks a worker are given out at once: what is done waits in memory for whoever drives them."""

Result = TypeVar("Result", covariant=True)
Returned = TypeVar("Returned")


class Buckets(NamedTuple):
    """Both ends belong to it."""

    first: int
    last: int


ALL_BUCKETS: Final = Buckets(0, BUCKETS - 1)


class Task(Protocol[Result]):
    """Can be sent to another process, and has no secret in it. May run twice for the same buckets, also at once; what
    it does in a ledger it therefore does under a mark."""

    def __call__(self, database: Database, buckets: Buckets) -> Result: ...


class Engine(Protocol):
    """Where the database is, a worker finds by itself: from its own environment, or as a copy of this process."""

    def run(
        self, task: Task[Returned], shares: Sequence[Buckets], *, within: float | None = None
    ) -> Iterator[tuple[Buckets, Returned]]:
        """One result for each share, as they are done. A task whose worker ended early runs again.

        Raises what a task raised of ours; EngineFailed where workers end time after time, or where none of them is
        done with a share *within* so many seconds: then they are ended.
        """
        ...


class EngineFailed(LedgerError):
    """Workers ended early, again and again."""


def stood_still(seconds: float) -> EngineFailed:
    return EngineFailed(f"the workers stood still for more than {seconds:,.0f} s; run it again")


class Outcome(NamedTuple):
    """What became of a task in a worker: errors go as texts, since not every one can be sent. `again`: the database
    was not reached, or somebody stood in the way for a moment."""

    result: object = None
    error: str | None = None
    kind: str | None = None
    again: bool = False


SENT: Final = {
    each.__name__: each for each in (ArchiveDamaged, ArchiveUnavailable, DatabaseUnavailable, Refused, SchemaMismatch)
}
"""Errors that arrive as what they are; any other of ours arrives as a LedgerError."""


def outcome_of(task: Task[object], database: Database, buckets: Buckets) -> Outcome:
    """In a worker."""
    try:
        with endless_folds_end():
            return Outcome(task(database, buckets))
    except LedgerError as error:
        return Outcome(None, str(error), _kind(error), isinstance(error, DatabaseUnavailable))
    except Exception as error:
        import psycopg

        if not isinstance(error, psycopg.Error):
            raise
        return Outcome(None, in_words(error), DatabaseUnavailable.__name__, passes(error))


def raise_error(outcome: Outcome) -> None:
    """Where there is one."""
    if outcome.error is not None:
        raise SENT.get(outcome.kind or "", LedgerError)(outcome.error)


def shares_of(number: int) -> list[Buckets]:
    """All buckets in so many shares, at most one for each bucket."""
    number = max(1, min(number, BUCKETS))
    bounds = [place * BUCKETS // number for place in range(number + 1)]
    return [Buckets(first, after - 1) for first, after in pairwise(bounds)]


def _kind(error: LedgerError) -> str:
    return next((each.__name__ for each in type(error).__mro__ if each.__name__ in SENT), "")
