"""Who holds a role, who held it then, who granted it, and what ended it.

What was so at some time is read from the stored periods; of members whose periods are not what the log says by now, and
of everybody where the periods are not to be had, it is folded. What was known at some time is always folded.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.member import HeldRole, MemberThen, members_then
from temple_ledger.infrastructure.queries.role_periods import (
    StoredPeriods,
    is_settled,
    periods_at,
    stored_periods,
)

Progress = Callable[[int, int], None]
"""Called with how many members are folded, and of how many."""


class Holder(NamedTuple):
    user_id: str
    held: HeldRole


def holders(connection: Connection, role: str) -> Sequence[Holder]:
    """As the tables say, by when the role was granted."""
    found = connection.execute(statement("read_role_members"), {"role": role})
    return [Holder(user_id, HeldRole(role, at, by)) for user_id, at, by in found]


def holder_counts(connection: Connection) -> Mapping[str, int]:
    """Of every role that is held."""
    return dict(connection.execute(statement("read_role_counts")).fetchall())


def holders_then(
    connection: Connection, role: str, moment: AsOf, catalogue: Catalogue, progress: Progress = lambda done, total: None
) -> Sequence[Holder]:
    """By when the role was granted."""
    found: list[Holder] = []
    stored = usable_periods(connection, moment)
    others = None if stored.why_not is not None else set(stored.others)
    if others is not None:
        for user_id, period in periods_at(connection, role, moment.as_of, others):
            if is_settled(period, moment):
                found.append(Holder(user_id, HeldRole(role, period.granted_at, period.granted_by)))
            else:
                others.add(user_id)
    for then in fold_candidates(connection, role, moment, catalogue, others, progress):
        held = None if then.member is None else then.member.role(role)
        if held is not None:
            found.append(Holder(then.user_id, held))
    return sorted(found, key=lambda holder: (holder.held.granted_at, holder.user_id))


def usable_periods(connection: Connection, moment: AsOf) -> StoredPeriods:
    if moment.known_at is not None:
        return StoredPeriods(frozenset(), "what was known then is folded")
    return stored_periods(connection)


def fold_candidates(
    connection: Connection,
    role: str,
    moment: AsOf,
    catalogue: Catalogue,
    user_ids: Collection[str] | None,
    progress: Progress,
) -> Iterator[MemberThen]:
    """Those of *user_ids* who may have held the role; of everybody where it is None."""
    if user_ids is not None and not user_ids:
        return
    asked = {"role": role, "as_of": moment.as_of, "known_at": moment.known_at}
    some = None if user_ids is None else list(user_ids)
    found = connection.execute(statement("read_role_candidates"), {**asked, "user_ids": some})
    candidates = [user_id for (user_id,) in found]
    for done, then in enumerate(members_then(connection, candidates, moment, catalogue)):
        if done % 500 == 0:
            progress(done, len(candidates))
        yield then
