"""The periods of a role as they are stored, and whose are not what the log says by now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.projections.checkpoint import Checkpoint, ProjectionState
from temple_ledger.projections.members import members
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.role_periods import RolePeriod, role_periods
from temple_ledger.projections.standing import NEEDS_REPLAY, may_fold

MOST_BEHIND: Final = 5_000
"""Events above the checkpoint: their members are folded one by one; with more of them everybody is."""

NO_END: Final = "infinity"

BOTH: Final[Sequence[Projection]] = (role_periods, members)
"""The answers are those of `members`: where it leaves an event out that the periods have, the log decides."""


class StoredPeriods(NamedTuple):
    """`others` are the members whose periods have to be folded from the log. *why_not*: why everybody's have."""

    others: frozenset[str]
    why_not: str | None = None


class PeriodOf(NamedTuple):
    user_id: str
    period: RolePeriod


@dataclass
class ChangedPeriods:
    """Those in which a role is held at one of two times and not at the other; *total* is how many there are."""

    total: int = 0
    periods: list[PeriodOf] = field(default_factory=list)


def stored_periods(connection: Connection) -> StoredPeriods:
    checkpoints = read_checkpoints(connection)
    for projection in BOTH:
        reason = _why_not(projection, checkpoints.get(projection.key))
        if reason is not None:
            return StoredPeriods(frozenset(), reason)
    after = min(checkpoints[projection.key].position for projection in BOTH)
    found = connection.execute(statement("read_members_behind"), {"after": after, "limit": MOST_BEHIND + 1})
    behind = [user_id for (user_id,) in found]
    if len(behind) > MOST_BEHIND:
        return StoredPeriods(frozenset(), f"more than {MOST_BEHIND:,} events are not folded yet")
    names = [projection.name for projection in BOTH]
    exceptions = connection.execute(statement("read_role_exceptions"), {"projections": names})
    return StoredPeriods(frozenset((*behind, *(user_id for (user_id,) in exceptions))))


def periods_at(connection: Connection, role: str, as_of: datetime | None, others: Collection[str]) -> list[PeriodOf]:
    """Those in which the role was held then, as the table says."""
    return _periods(connection, role, as_of, others, None, held=True)


def page_of_periods_at(
    connection: Connection, role: str, as_of: datetime | None, others: Collection[str], *, after: str, limit: int
) -> tuple[list[PeriodOf], int]:
    """The first *limit* of `periods_at` above *after*, by id, and how many there are in all."""
    asked = {"role": role, "as_of": as_of or NO_END, "others": list(others), "after": after, "limit": limit}
    rows = [
        PeriodOf(user_id, RolePeriod(*row)) for user_id, *row in _planned(connection, "read_role_holders_then", asked)
    ]
    ((total,),) = _planned(connection, "read_role_held_count", asked)
    return rows, total


def changed_periods(
    connection: Connection,
    role: str,
    earlier: datetime | None,
    later: datetime | None,
    others: Collection[str],
    newest: int | None,
) -> tuple[ChangedPeriods, ChangedPeriods]:
    """Gained and lost, of everybody but *others*; *later* is not before *earlier*.

    Of each the *newest* so many by when they were granted, and those that are not settled.
    """
    asked = {"role": role, "earlier": earlier or NO_END, "later": later or NO_END, "others": list(others)}
    gained, lost = ChangedPeriods(), ChangedPeriods()
    for is_gained, total, user_id, *row in _planned(connection, "read_role_difference", {**asked, "newest": newest}):
        found = gained if is_gained else lost
        found.total = total
        found.periods.append(PeriodOf(user_id, RolePeriod(*row)))
    return gained, lost


def periods_until(
    connection: Connection, role: str, as_of: datetime | None, others: Collection[str], user_ids: Sequence[str] | None
) -> list[PeriodOf]:
    """Those that had begun by then, also such as ended later; of *user_ids* alone where they are given."""
    return _periods(connection, role, as_of, others, user_ids, held=False)


def is_settled(period: RolePeriod, moment: AsOf) -> bool:
    """Whether the row is what it was then: a grant that came after it moved `granted_at`."""
    return period.grants == 1 or moment.as_of is None or period.granted_at <= moment.as_of


def _why_not(projection: Projection, checkpoint: Checkpoint | None) -> str | None:
    if checkpoint is None:
        return f"{projection.name} has no table yet; run: temple db migrate"
    if may_fold(projection, checkpoint, CATALOGUE) == NEEDS_REPLAY or checkpoint.version != projection.version:
        return f"{projection.name} needs a replay; run: temple replay {projection.name} --apply"
    if checkpoint.state is ProjectionState.REBUILDING:
        return f"{projection.name} is being rebuilt"
    return None


def _periods(
    connection: Connection,
    role: str,
    as_of: datetime | None,
    others: Collection[str],
    user_ids: Sequence[str] | None,
    *,
    held: bool,
) -> list[PeriodOf]:
    asked = {"role": role, "as_of": as_of, "others": list(others), "user_ids": user_ids, "held": held}
    return [PeriodOf(user_id, RolePeriod(*row)) for user_id, *row in _planned(connection, "read_role_periods", asked)]


def _planned(connection: Connection, name: str, asked: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    # a plan made for these values: a general one compares each row with each of the others
    return connection.execute(statement(name), asked, prepare=False, binary=True).fetchall()
