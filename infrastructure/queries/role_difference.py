"""Who gained a role and who lost it between two moments."""

from collections.abc import Sequence
from typing import NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.member import HeldRole
from temple_ledger.infrastructure.queries.role import (
    Holder,
    Progress,
    fold_holders,
    held_in,
    members_counted,
    usable_periods,
)
from temple_ledger.infrastructure.queries.role_history import RoleHistoryStep, RoleStep, role_history
from temple_ledger.infrastructure.queries.role_periods import MOST_CHANGED, changed_periods


class RoleHolding(NamedTuple):
    """A member's holding, and what ended it: None of those who gained."""

    user_id: str
    held: HeldRole
    end: RoleHistoryStep | None = None


class RoleDifference(NamedTuple):
    """`gained` as they hold it at the later moment, `lost` as they held it at the earlier one; by when granted.

    The newest of each; `total_gained` and `total_lost` are how many there are, where not all are wanted up to
    MOST_CHANGED + 1.
    """

    gained: Sequence[RoleHolding]
    lost: Sequence[RoleHolding]
    total_gained: int
    total_lost: int

    @property
    def gained_words(self) -> str:
        return members_counted(self.total_gained, MOST_CHANGED)

    @property
    def lost_words(self) -> str:
        return members_counted(self.total_lost, MOST_CHANGED)


def role_difference(
    connection: Connection,
    role: str,
    before: AsOf,
    after: AsOf,
    catalogue: Catalogue,
    progress: Progress = lambda done, total: None,
    *,
    newest: int | None = None,
) -> RoleDifference:
    """Holders at both moments compared: whoever gained and lost it in between is in neither.

    *after* is not before *before*. No more than the *newest* so many of each, by when it was granted.
    """
    (gained, total_gained), (lost, total_lost) = _changed(connection, role, before, after, catalogue, progress, newest)
    losers = {each.user_id for each in lost}
    steps = role_history(connection, role, after, catalogue, progress, user_ids=losers).steps if losers else ()
    ends = {step.user_id: step for step in steps if step.change is RoleStep.ENDED}
    return RoleDifference(
        [RoleHolding(*each) for each in gained],
        [RoleHolding(*each, ends.get(each.user_id)) for each in lost],
        total_gained,
        total_lost,
    )


class _Some(NamedTuple):
    """Of *total* holders."""

    holders: Sequence[Holder]
    total: int


def _changed(
    connection: Connection,
    role: str,
    before: AsOf,
    after: AsOf,
    catalogue: Catalogue,
    progress: Progress,
    newest: int | None,
) -> tuple[_Some, _Some]:
    """Who gained it and who lost it: of the stored periods, those that differ; of all others, whoever does."""
    stored = usable_periods(connection, before, after)
    some = None if stored.why_not is not None else stored.others
    was, now = (fold_holders(connection, role, each, catalogue, some, progress) for each in (before, after))
    had, has = {each.user_id for each in was}, {each.user_id for each in now}
    gained = [each for each in now if each.user_id not in had]
    lost = [each for each in was if each.user_id not in has]
    if stored.why_not is not None:
        return _newest(gained, newest), _newest(lost, newest)
    more, fewer = changed_periods(connection, role, before.as_of, after.as_of, stored.others, newest)
    more_held = held_in(connection, role, more, after, catalogue, progress)
    fewer_held = held_in(connection, role, fewer, before, catalogue, progress)
    return _newest([*gained, *more_held], newest), _newest([*lost, *fewer_held], newest)


def _newest(holders: Sequence[Holder], newest: int | None) -> _Some:
    every = sorted(holders, key=lambda holder: (holder.held.granted_at, holder.user_id))
    if newest is None:
        return _Some(every, len(every))
    return _Some(every[-newest:], min(len(every), MOST_CHANGED + 1))
