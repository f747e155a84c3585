"""Who holds a role, who held it then, and who granted it."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.attribution import AttributedEvent, merge_attributions
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.member import HeldRole, members_then
from temple_ledger.infrastructure.read_models.member_log.exceptions import read_exceptions
from temple_ledger.projections.explain import steps
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import ROLES, members

ROLE_CHANGE: Final = "discord_role_change"


class Holder(NamedTuple):
    user_id: str
    held: HeldRole


class RoleStep(StrEnum):
    GRANTED = "granted"
    RENEWED = "renewed"
    ENDED = "ended"


class RoleEnding(StrEnum):
    REMOVED = "removed"
    LEFT = "left"
    ROLE_DELETED = "role deleted"


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


def holders(connection: Connection, role: str) -> Sequence[Holder]:
    """As the tables say, by when the role was granted."""
    found = connection.execute(statement("read_role_members"), {"role": role})
    return [Holder(user_id, HeldRole(role, at, by)) for user_id, at, by in found]


def holder_counts(connection: Connection) -> Mapping[str, int]:
    """Of every role that is held."""
    return dict(connection.execute(statement("read_role_counts")).fetchall())


def holders_then(connection: Connection, role: str, moment: AsOf, catalogue: Catalogue) -> Sequence[Holder]:
    """As the log says, by when the role was granted."""
    found = (
        Holder(then.user_id, held)
        for then in members_then(connection, _candidates(connection, role, moment), moment, catalogue)
        if then.member is not None and (held := then.member.role(role)) is not None
    )
    return sorted(found, key=lambda holder: (holder.held.granted_at, holder.user_id))


def role_history(connection: Connection, role: str, moment: AsOf, catalogue: Catalogue) -> Sequence[RoleHistoryStep]:
    """Each grant and each end of the role once, by (timestamp, position): leaving the guild ends it too."""
    fold = Fold(members, catalogue)
    left_out = set(read_exceptions(connection, members.key).left_out)
    found: dict[Position, RoleHistoryStep] = {}
    for then in members_then(connection, _candidates(connection, role, moment), moment, catalogue):
        left_out |= {event.position for event in then.events} - {event.position for event in then.folded_events}
        found |= {each.event.position: each for each in _changes(fold, then.user_id, role, then.folded_events)}
    events = [step.event for step in found.values()]
    merged = merge_attributions(connection, events, known_at=moment.known_at, left_out=left_out)
    history = [_attributed(found[each.event.position], each) for each in merged]
    history.sort(key=lambda step: (step.event.occurred_at, step.event.position))
    return _with_who_deleted_it(connection, role, moment, history)


def _attributed(step: RoleHistoryStep, merged: AttributedEvent) -> RoleHistoryStep:
    if step.change is RoleStep.ENDED:
        return step._replace(ending=_ending_of(step.event), ended_by=merged.actor, attribution=merged.attribution)
    granted_by = step.granted_by if merged.attribution is None else merged.actor
    return step._replace(granted_by=granted_by, attribution=merged.attribution)


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


def _changes(fold: Fold[Any], user_id: str, role: str, events: Sequence[Recorded]) -> Iterator[RoleHistoryStep]:
    before: HeldRole | None = None
    for effect in steps(fold, events):
        held = effect.rows.get(ROLES.name, ())
        now = next((HeldRole(*row) for row in held if row[0] == role), None)
        if now != before:
            change = RoleStep.ENDED if now is None else RoleStep.GRANTED if before is None else RoleStep.RENEWED
            yield RoleHistoryStep(user_id, change, None if now is None else now.granted_by, effect.event)
        before = now


def _candidates(connection: Connection, role: str, moment: AsOf) -> Sequence[str]:
    found = connection.execute(
        statement("read_role_candidates"), {"role": role, "as_of": moment.as_of, "known_at": moment.known_at}
    )
    return [user_id for (user_id,) in found]
