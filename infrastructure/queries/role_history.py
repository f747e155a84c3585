"""Each grant and each end of a role, by when it happened: from the stored periods, or folded, as `role` has it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import starmap
from typing import Any, Final, NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.attribution import AttributedEvent, actor_of, merge_attributions
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.member import HeldRole
from temple_ledger.infrastructure.queries.role import Progress, fold_candidates, usable_periods
from temple_ledger.infrastructure.queries.role_periods import PeriodOf, periods_until
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.projections.explain import steps
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import ROLES, members
from temple_ledger.projections.role_periods import RoleEnding

ROLE_CHANGE: Final = "discord_role_change"


class RoleStep(StrEnum):
    GRANTED = "granted"
    RENEWED = "renewed"
    ENDED = "ended"
    RETRACTED = "retracted"
    """A grant or a removal that everybody leaves out."""


class RoleHistoryStep(NamedTuple):
    """What *event* did to a member's holding of the role; `granted_by` of the grant, None where it ended.

    Where it ended, `ending` says how, and `ended_by` who removed it, made the member leave, or deleted the role.
    `attribution` is the later event that says who did it, if that was not known at once.
    """

    user_id: str
    change: RoleStep
    granted_by: str | None
    event: Recorded
    ending: RoleEnding | None = None
    ended_by: str | None = None
    attribution: Recorded | None = None


class RoleHistory(NamedTuple):
    """`steps` are the newest ones of `total`."""

    steps: Sequence[RoleHistoryStep]
    total: int


class _Step(NamedTuple):
    """By (timestamp, position)."""

    occurred_at: datetime
    position: int
    change: RoleStep
    granted_by: str | None = None


def role_history(
    connection: Connection,
    role: str,
    moment: AsOf,
    catalogue: Catalogue,
    progress: Progress = lambda done, total: None,
    *,
    newest: int | None = None,
    user_ids: Collection[str] | None = None,
) -> RoleHistory:
    """Each step once: leaving the guild ends a role too. Of *user_ids* alone where they are given.

    Grants and removals that are retracted stand among them.
    """
    left_out = set(read_exceptions(connection, members.key).left_out)
    stored = usable_periods(connection, moment)
    others = None if user_ids is None else set(user_ids)
    found: list[_Step] = []
    if stored.why_not is None:
        periods = periods_until(connection, role, moment.as_of, stored.others, None if others is None else list(others))
        others = set(stored.others if others is None else stored.others & others)
        # granting it again was a step too, of which the row has but the last
        others |= {each.user_id for each in periods if each.period.grants > 1}
        found += _stored_steps((each for each in periods if each.user_id not in others), moment)
    fold = Fold(members, catalogue)
    folded: dict[int, _Step] = {}
    for then in fold_candidates(connection, role, moment, catalogue, others, progress):
        if then.parked_at is not None:
            # what waits behind the event that cannot be folded
            left_out |= {event.position for event in then.events if event.position >= then.parked_at}
        folded |= {step.position: step for step in _folded_steps(fold, role, then.folded_events)}
    facts = merge_attributions(connection, _events(connection, folded), known_at=moment.known_at, left_out=left_out)
    found += [folded[fact.event.position] for fact in facts]
    found += _retracted_steps(connection, role, moment, user_ids)
    found.sort()
    chosen = {step.position: step for step in (found if newest is None else found[-newest:])}
    facts = merge_attributions(connection, _events(connection, chosen), known_at=moment.known_at, left_out=left_out)
    history = [_described(chosen[fact.event.position], fact) for fact in facts]
    history.sort(key=lambda step: (step.event.occurred_at, step.event.position))
    return RoleHistory(_with_who_deleted_it(connection, role, moment, history), len(found))


def _events(connection: Connection, positions: Iterable[int]) -> list[Recorded]:
    rows = connection.execute(statement("read_events_at"), {"positions": list(positions)}, binary=True)
    return list(starmap(Recorded, rows))


def _stored_steps(periods: Iterable[PeriodOf], moment: AsOf) -> Iterator[_Step]:
    """Of periods in which the role was granted once."""
    for _, period in periods:
        yield _Step(period.held_from, period.began_position, RoleStep.GRANTED, period.granted_by)
        until, position = period.held_until, period.ended_position
        if until is not None and position is not None and (moment.as_of is None or until <= moment.as_of):
            yield _Step(until, position, RoleStep.ENDED)


def _folded_steps(fold: Fold[Any], role: str, events: Iterable[Recorded]) -> Iterator[_Step]:
    before: HeldRole | None = None
    for effect in steps(fold, events):
        held = effect.rows.get(ROLES.name, ())
        now = next((HeldRole(*row) for row in held if row[0] == role), None)
        at = effect.event.occurred_at
        if now != before and at is not None:
            change = RoleStep.ENDED if now is None else RoleStep.GRANTED if before is None else RoleStep.RENEWED
            yield _Step(at, effect.event.position, change, None if now is None else now.granted_by)
        before = now


def _retracted_steps(
    connection: Connection, role: str, moment: AsOf, user_ids: Collection[str] | None
) -> Iterator[_Step]:
    asked = {"role": role, "as_of": moment.as_of, "known_at": moment.known_at}
    for event in starmap(Recorded, connection.execute(statement("read_role_retracted"), asked)):
        if event.occurred_at is not None and (user_ids is None or event.user_id in user_ids):
            yield _Step(event.occurred_at, event.position, RoleStep.RETRACTED, actor_of(event))


def _described(step: _Step, fact: AttributedEvent) -> RoleHistoryStep:
    event, attribution = fact
    if step.change is RoleStep.ENDED:
        return RoleHistoryStep(
            event.user_id, step.change, None, event, _ending_of(event), fact.actor, attribution=attribution
        )
    granted_by = step.granted_by if attribution is None else fact.actor
    return RoleHistoryStep(event.user_id, step.change, granted_by, event, attribution=attribution)


def _ending_of(event: Recorded) -> RoleEnding:
    if event.event_type != ROLE_CHANGE:
        return RoleEnding.LEFT
    return RoleEnding.ROLE_DELETED if event.metadata.get("how") == RoleEnding.ROLE_DELETED else RoleEnding.REMOVED


def _with_who_deleted_it(
    connection: Connection, role: str, moment: AsOf, history: Sequence[RoleHistoryStep]
) -> Sequence[RoleHistoryStep]:
    """An event of the role says it, those of the members who held it do not."""
    if not any(step.ending is RoleEnding.ROLE_DELETED for step in history):
        return history
    row = connection.execute(
        statement("read_role_deleted_by"), {"role": role, "as_of": moment.as_of, "known_at": moment.known_at}
    ).fetchone()
    by = None if row is None else str(row[0])
    return [
        step._replace(ended_by=step.ended_by or by) if step.ending is RoleEnding.ROLE_DELETED else step
        for step in history
    ]
