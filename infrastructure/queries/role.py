"""Who holds a role, who held it then, and who granted it."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from temple_ledger.domain.catalogue import CATALOGUE, Catalogue
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.member import HeldRole, members_then
from temple_ledger.projections.explain import steps
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import ROLES, members


class Holder(NamedTuple):
    user_id: str
    held: HeldRole


class RoleStep(StrEnum):
    GRANTED = "granted"
    RENEWED = "renewed"
    ENDED = "ended"


class RoleHistoryStep(NamedTuple):
    """What *event* did to a member's holding of the role; `granted_by` of the grant, None where it ended."""

    user_id: str
    change: RoleStep
    granted_by: str | None
    event: Recorded


def holders(connection: Connection, role: str) -> Sequence[Holder]:
    """As the tables say, by when the role was granted."""
    found = connection.execute(statement("read_role_members"), {"role": role})
    return [Holder(user_id, HeldRole(role, at, by)) for user_id, at, by in found]


def holder_counts(connection: Connection) -> Mapping[str, int]:
    """Of every role that is held."""
    return dict(connection.execute(statement("read_role_counts")).fetchall())


def holders_then(connection: Connection, role: str, moment: AsOf, catalogue: Catalogue = CATALOGUE) -> Sequence[Holder]:
    """As the log says, by when the role was granted."""
    found = (
        Holder(then.user_id, held)
        for then in members_then(connection, _candidates(connection, role, moment), moment, catalogue)
        if then.member is not None and (held := then.member.role(role)) is not None
    )
    return sorted(found, key=lambda holder: (holder.held.granted_at, holder.user_id))


def role_history(
    connection: Connection, role: str, moment: AsOf, catalogue: Catalogue = CATALOGUE
) -> Sequence[RoleHistoryStep]:
    """Each grant and each end of the role, by (timestamp, position): leaving the guild ends it too."""
    fold = Fold(members, catalogue)
    found = [
        change
        for then in members_then(connection, _candidates(connection, role, moment), moment, catalogue)
        for change in _changes(fold, then.user_id, role, then.then.folded_events)
    ]
    return sorted(found, key=lambda change: (change.event.occurred_at, change.event.position))


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
