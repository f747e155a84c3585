"""When a member held what: each role and each paid tier, from one event to another, folded from the log."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.queries.member import HeldRole
from temple_ledger.projections.difference import named
from temple_ledger.projections.explain import ExplainedStep, steps
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import ROLES, STATUS
from temple_ledger.projections.tables import Rows


class HeldPeriod(NamedTuple):
    """`what` is a role's id, or the name of a tier. `until` and `ended` are None where it goes on; `by` is who granted
    it, None where nobody is named, and of a tier."""

    what: str
    since: datetime
    until: datetime | None
    by: str | None
    began: Recorded
    ended: Recorded | None


class HeldThings(NamedTuple):
    """By when they began."""

    roles: Sequence[HeldPeriod]
    tiers: Sequence[HeldPeriod]


def held_things(fold: Fold[Any], events: Iterable[Recorded]) -> HeldThings:
    """*fold* is that of `members`, *events* are one member's, in the order of the fold."""
    roles, tiers = _Periods(), _Periods()
    for step in steps(fold, events):
        if step.known and step.error is None:
            roles.went_on(step, {role.role: role.granted_by for role in _roles(step.rows)})
            tier = _tier(step.rows)
            tiers.went_on(step, {} if tier is None else {tier: None})
    return HeldThings(roles.whole(), tiers.whole())


class _Periods:
    """A period ends where the thing goes, and where another one is named as who granted it."""

    def __init__(self) -> None:
        self._open: dict[str, HeldPeriod] = {}
        self._ended: list[HeldPeriod] = []

    def went_on(self, step: ExplainedStep, held: dict[str, str | None]) -> None:
        event, at = step.event, step.event.occurred_at
        if at is None:
            return
        for what, period in list(self._open.items()):
            if what not in held or (held[what] != period.by and period.by is not None):
                self._ended.append(period._replace(until=at, ended=event))
                del self._open[what]
        for what, by in held.items():
            known = self._open.get(what)
            if known is None:
                self._open[what] = HeldPeriod(what, at, None, by, event, None)
            elif known.by is None and by is not None:
                self._open[what] = known._replace(by=by)

    def whole(self) -> list[HeldPeriod]:
        return sorted([*self._ended, *self._open.values()], key=lambda each: (each.since, each.began.position))


def _roles(rows: Rows) -> Iterator[HeldRole]:
    return (HeldRole(*row) for row in rows.get(ROLES.name, ()))


def _tier(rows: Rows) -> str | None:
    status = rows.get(STATUS.name, ())
    tier = named(STATUS, status[0])["patreon_tier"] if status else None
    return tier if isinstance(tier, str) else None
