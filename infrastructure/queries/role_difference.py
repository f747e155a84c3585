"""Who gained a role and who lost it between two moments."""

from collections.abc import Sequence
from typing import NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.member import HeldRole
from temple_ledger.infrastructure.queries.role import RoleStep, holders_then, role_history


class RoleHolding(NamedTuple):
    """A member's holding, and the event that ended it: None of those who gained."""

    user_id: str
    held: HeldRole
    end: Recorded | None = None


class RoleDifference(NamedTuple):
    """`gained` as they hold it at the later moment, `lost` as they held it at the earlier one; by when granted."""

    gained: Sequence[RoleHolding]
    lost: Sequence[RoleHolding]


def role_difference(
    connection: Connection, role: str, before: AsOf, after: AsOf, catalogue: Catalogue
) -> RoleDifference:
    """Holders at both moments compared: whoever gained and lost it in between is in neither."""
    was = {holder.user_id: holder.held for holder in holders_then(connection, role, before, catalogue)}
    now = {holder.user_id: holder.held for holder in holders_then(connection, role, after, catalogue)}
    gained = [RoleHolding(user_id, held) for user_id, held in now.items() if user_id not in was]
    lost = {user_id: held for user_id, held in was.items() if user_id not in now}
    ends = _last_ends(connection, role, after, catalogue) if lost else {}
    return RoleDifference(gained, [RoleHolding(user_id, held, ends.get(user_id)) for user_id, held in lost.items()])


def _last_ends(connection: Connection, role: str, moment: AsOf, catalogue: Catalogue) -> dict[str, Recorded]:
    changes = role_history(connection, role, moment, catalogue)
    return {change.user_id: change.event for change in changes if change.change is RoleStep.ENDED}
