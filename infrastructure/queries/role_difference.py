"""Who gained a role and who lost it between two moments."""

from collections.abc import Sequence
from typing import NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.member import HeldRole
from temple_ledger.infrastructure.queries.role import Progress, holders_then
from temple_ledger.infrastructure.queries.role_history import RoleHistoryStep, RoleStep, role_history


class RoleHolding(NamedTuple):
    """A member's holding, and what ended it: None of those who gained."""

    user_id: str
    held: HeldRole
    end: RoleHistoryStep | None = None


class RoleDifference(NamedTuple):
    """`gained` as they hold it at the later moment, `lost` as they held it at the earlier one; by when granted."""

    gained: Sequence[RoleHolding]
    lost: Sequence[RoleHolding]


def role_difference(
    connection: Connection,
    role: str,
    before: AsOf,
    after: AsOf,
    catalogue: Catalogue,
    progress: Progress = lambda done, total: None,
) -> RoleDifference:
    """Holders at both moments compared: whoever gained and lost it in between is in neither."""
    was = {each.user_id: each.held for each in holders_then(connection, role, before, catalogue, progress)}
    now = {each.user_id: each.held for each in holders_then(connection, role, after, catalogue, progress)}
    gained = [RoleHolding(user_id, held) for user_id, held in now.items() if user_id not in was]
    lost = {user_id: held for user_id, held in was.items() if user_id not in now}
    steps = role_history(connection, role, after, catalogue, progress, user_ids=lost).steps if lost else ()
    ends = {step.user_id: step for step in steps if step.change is RoleStep.ENDED}
    return RoleDifference(gained, [RoleHolding(user_id, held, ends.get(user_id)) for user_id, held in lost.items()])
