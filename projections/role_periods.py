"""The projection `role_periods`: who held which role from when until when, and how it ended (docs/role-periods.md)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple

from temple_ledger.domain.events import MemberLeft, RoleAdded, RoleRemoved
from temple_ledger.domain.position import START
from temple_ledger.projections.condition import IS_NOT_NULL, Condition
from temple_ledger.projections.member_projection import BuiltInProjection
from temple_ledger.projections.tables import Column, Index, Rows, Table
from temple_ledger.projections.values import ColumnType

ROLE_PERIODS: Final = Table(
    "role_periods",
    columns=(
        Column("began_position", ColumnType.BIGINT),
        Column("role", ColumnType.TEXT, length=100),
        Column("held_from", ColumnType.TIMESTAMPTZ),
        Column("held_until", ColumnType.TIMESTAMPTZ, null=True),
        Column("granted_at", ColumnType.TIMESTAMPTZ),
        Column("granted_by", ColumnType.TEXT, length=100, null=True),
        Column("grants", ColumnType.INTEGER),
        Column("ended_position", ColumnType.BIGINT, null=True),
        Column("ended_by", ColumnType.TEXT, null=True),
        Column("ending", ColumnType.TEXT, length=20, null=True),
    ),
    key=("began_position",),
    # who lost a role between two days is asked of those that ended alone
    indexes=(("role", "held_from"), Index("role", "held_until", where=Condition("held_until", IS_NOT_NULL))),
)


class RoleEnding(StrEnum):
    REMOVED = "removed"
    LEFT = "left"
    ROLE_DELETED = "role deleted"


class RolePeriod(NamedTuple):
    """A row: `granted_at` and `granted_by` are the canon's, after the latest of its `grants`. None: it goes on."""

    began_position: int
    role: str
    held_from: datetime
    held_until: datetime | None
    granted_at: datetime
    granted_by: str | None
    grants: int
    ended_position: int | None = None
    ended_by: str | None = None
    ending: str | None = None


_PERIOD: Final = partial(tuple.__new__, RolePeriod)
"""Of a row, whose columns are its fields: no function of Python's runs for each of them."""

_REMOVED, _LEFT, _ROLE_DELETED = RoleEnding.REMOVED.value, RoleEnding.LEFT.value, RoleEnding.ROLE_DELETED.value
_REMOVALS: Final = (_REMOVED, _ROLE_DELETED)

CHUNK: Final = 64
"""A member who changes roles all the time has thousands of periods: to add one copies this many and no more."""


class RolePeriods(NamedTuple):
    """What a member holds, by role, and the periods that ended, by when: full chunks, then the rest."""

    held: Mapping[str, RolePeriod] = {}
    full: tuple[tuple[RolePeriod, ...], ...] = ()
    rest: tuple[RolePeriod, ...] = ()


_PERIODS: Final = partial(tuple.__new__, RolePeriods)


def _rows(member: RolePeriods) -> Rows:
    ended = [period for chunk in member.full for period in chunk]
    return {ROLE_PERIODS.name: (*ended, *member.rest, *member.held.values())}


def _state(rows: Rows) -> RolePeriods:
    periods = list(map(_PERIOD, rows.get(ROLE_PERIODS.name, ())))
    ended = [period for period in periods if period.ended_position is not None]
    ended.sort(key=lambda period: (period.held_until, period.ended_position, period.began_position))
    beyond = len(ended) // CHUNK * CHUNK
    full = tuple(tuple(ended[start : start + CHUNK]) for start in range(0, beyond, CHUNK))
    return RolePeriods(
        {each.role: each for each in periods if each.ended_position is None}, full, tuple(ended[beyond:])
    )


role_periods: Final[BuiltInProjection[RolePeriods]] = BuiltInProjection(
    "role_periods", version=1, tables=(ROLE_PERIODS,), initial=RolePeriods, rows=_rows, state=_state
)


@role_periods.on(RoleAdded)
def _(member: RolePeriods, event: RoleAdded) -> RolePeriods:
    held, full, rest = member
    at, by, role = event.occurred_at, event.granted_by, event.role
    before = held.get(role)
    if before is None:
        period = _PERIOD((event.position or START, role, at, None, at, by, 1, None, None, None))
    else:
        by, grants = by or before.granted_by, before.grants + 1
        period = _PERIOD((before.began_position, role, before.held_from, None, at, by, grants, None, None, None))
    held = {**held, role: period}
    return _PERIODS((held, full, rest))


@role_periods.on(RoleRemoved)
def _(member: RolePeriods, event: RoleRemoved) -> RolePeriods:
    member = _attributed(member, event, _REMOVALS, event.role)
    if event.role not in member.held:
        return member
    held = dict(member.held)
    period = held.pop(event.role)
    ending = _ROLE_DELETED if event.how == _ROLE_DELETED else _REMOVED
    return _with_ended(held, member.full, member.rest, _ended(period, event, ending))


@role_periods.on(MemberLeft)
def _(member: RolePeriods, event: MemberLeft) -> RolePeriods:
    held, full, rest = _attributed(member, event, (_LEFT,))
    left = _PERIODS(({}, full, rest))
    for period in sorted(held.values()):
        left = _with_ended({}, left.full, left.rest, _ended(period, event, _LEFT))
    return left


def _ended(period: RolePeriod, event: RoleRemoved | MemberLeft, ending: str) -> RolePeriod:
    return _PERIOD((*period[:3], event.occurred_at, *period[4:7], event.position or START, event.by, ending))


def _with_ended(
    held: Mapping[str, RolePeriod],
    full: tuple[tuple[RolePeriod, ...], ...],
    rest: tuple[RolePeriod, ...],
    period: RolePeriod,
) -> RolePeriods:
    rest = (*rest, period)
    return _PERIODS((held, full, rest) if len(rest) < CHUNK else (held, (*full, rest), ()))


def _attributed(
    member: RolePeriods, event: RoleRemoved | MemberLeft, endings: tuple[str, ...], role: str | None = None
) -> RolePeriods:
    """An end that came again, at the same time, with who did it: an event is never edited."""
    at, by = event.occurred_at, event.by
    latest = member.rest or (member.full[-1] if member.full else ())
    if by is None or not latest or latest[-1].held_until != at:
        return member

    def attributed(period: RolePeriod) -> RolePeriod:
        same = period.held_until == at and period.ending in endings and role in (None, period.role)
        return period._replace(ended_by=by) if same else period

    full = list(member.full)
    place = len(full) - 1
    while place >= 0 and full[place][-1].held_until == at:
        full[place] = tuple(map(attributed, full[place]))
        place -= 1
    return RolePeriods(member.held, tuple(full), tuple(map(attributed, member.rest)))
