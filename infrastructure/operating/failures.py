"""What is done about parked events, in every version of a projection that has parked them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.versions import in_ledger
from temple_ledger.infrastructure.read_models.operations import Parked, retry, skip
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import catalogue, named, versions_named
from temple_ledger.projections.tally import Tally


class FoldedAgain(NamedTuple):
    """*again*: what failed again, and stays parked."""

    projection: Projection
    failures: Sequence[Parked]
    again: Sequence[Failure]

    @property
    def freed(self) -> int:
        """How many members are parked no more; of a tally, how many events."""
        if isinstance(self.projection, Tally):
            return len({each.position for each in self.failures} - {each.position for each in self.again})
        return len({each.user_id for each in self.failures} - {each.user_id for each in self.again})


def retry_parked(
    database: Database, failures: Sequence[Parked], *, by: str, reason: str | None = None
) -> list[FoldedAgain]:
    by_version: dict[str, list[Parked]] = {}
    for each in failures:
        by_version.setdefault(f"{each.projection}@{each.version}", []).append(each)
    return [
        FoldedAgain(named(name), ours, retry(database, named(name), ours, by=by, reason=reason, catalogue=catalogue()))
        for name, ours in by_version.items()
    ]


def skip_parked(database: Database, failures: Sequence[Parked], *, by: str, reason: str) -> Iterator[FoldedAgain]:
    """*failures* are of one position. One transaction for each projection, whose versions all leave it out."""
    for failure in {each.projection: each for each in reversed(failures)}.values():
        skipping = named(f"{failure.projection}@{failure.version}")
        with snapshot(database) as connection:
            versions = in_ledger(connection, versions_named(failure.projection))
        others = [each for each in versions if each is not skipping]
        again = skip(database, skipping, failure, by=by, reason=reason, catalogue=catalogue(), others=others)
        yield FoldedAgain(skipping, [failure], again)
