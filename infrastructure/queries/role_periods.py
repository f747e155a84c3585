"""The periods of a role as they are stored, and whose are not what the log says by now."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
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

MOST_COUNTED: Final = 10_000
"""Of those who held a role, for a page: counting more of them costs more than the page."""

MOST_CHANGED: Final = 1_000
"""Of those who gained or lost a role, likewise."""

SPARE: Final = 4
"""One row more for so many that are wanted: some were granted anew since, and are folded from the log."""

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
    """The first *limit* of `periods_at` above *after*, by id, and how many there are in all, up to MOST_COUNTED + 1."""
    rows = _periods(connection, role, as_of, others, None, held=True, after=after, limit=limit)
    asked = {"role": role, "as_of": as_of or NO_END, "others": list(others), "most": MOST_COUNTED + 1}
    ((total,),) = _planned(connection, "read_role_held_count", asked)
    return rows, total


def changed_periods(
    connection: Connection,
    role: str,
    earlier: datetime | None,
    later: datetime | None,
    others: Collection[str],
    newest: int | None,
) -> tuple[list[PeriodOf], list[PeriodOf]]:
    """Gained and lost, of everybody but *others*; *later* is not before *earlier*.

    With *newest*, those that were granted last, and all that are not settled: more than MOST_CHANGED of each, or all.
    """
    asked = {"role": role, "earlier": earlier or NO_END, "later": later or NO_END, "others": list(others)}
    if newest is not None:
        wanted = max(MOST_CHANGED, newest)
        most = wanted + wanted // SPARE + 1
        found = _changed(connection, {**asked, "most": most})
        if _is_enough(found, wanted, most):
            return _by_direction(found)
    return _by_direction(_changed(connection, {**asked, "most": None}))


class _Changed(NamedTuple):
    """`is_settled`: the row is what it was then."""

    gained: bool
    is_settled: bool
    held: PeriodOf


def _changed(connection: Connection, asked: Mapping[str, Any]) -> list[_Changed]:
    return [
        _Changed(gained, is_settled, PeriodOf(user_id, RolePeriod(*row)))
        for gained, is_settled, user_id, *row in _planned(connection, "read_role_difference", asked)
    ]


def _is_enough(found: Sequence[_Changed], wanted: int, most: int) -> bool:
    """Whether each part of the statement is there as a whole, or has more than *wanted* whose row is what it was."""
    parts: defaultdict[tuple[bool, bool], list[bool]] = defaultdict(list)
    for gained, is_settled, held in found:
        parts[gained, gained and held.period.grants > 1].append(is_settled)
    return all(len(part) < most or sum(part) > wanted for part in parts.values())


def _by_direction(found: Sequence[_Changed]) -> tuple[list[PeriodOf], list[PeriodOf]]:
    """Gained, lost."""
    return [each.held for each in found if each.gained], [each.held for each in found if not each.gained]


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
    after: str | None = None,
    limit: int | None = None,
) -> list[PeriodOf]:
    asked: Mapping[str, Any] = {
        "role": role,
        "as_of": as_of,
        "others": list(others),
        "user_ids": user_ids,
        "held": held,
        "after": after,
        "limit": limit,
    }
    return [PeriodOf(user_id, RolePeriod(*row)) for user_id, *row in _planned(connection, "read_role_periods", asked)]


def _planned(connection: Connection, name: str, asked: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    # a plan made for these values: a general one compares each row with each of the others
    return connection.execute(statement(name), asked, prepare=False, binary=True).fetchall()
