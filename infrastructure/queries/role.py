"""Who holds a role, who held it then, who granted it, and what ended it.

What was so at some time is read from the stored periods; of members whose periods are not what the log says by now, and
of everybody where the periods are not to be had, it is folded. What was known at some time is always folded.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.member import HeldRole, MemberThen, members_then
from temple_ledger.infrastructure.queries.role_periods import (
    MOST_COUNTED,
    PeriodOf,
    StoredPeriods,
    is_settled,
    page_of_periods_at,
    periods_at,
    stored_periods,
)

Progress = Callable[[int, int], None]
"""Called with how many members are folded, and of how many."""


class Holder(NamedTuple):
    user_id: str
    held: HeldRole


class HoldersPage(NamedTuple):
    """`total` is how many there are in all, up to MOST_COUNTED + 1."""

    found: Sequence[Holder]
    total: int
    has_more: bool

    @property
    def total_words(self) -> str:
        return members_counted(self.total, MOST_COUNTED)


def members_counted(number: int, most: int) -> str:
    """`12 members`, or `more than 10,000 members` where no more than *most* are counted."""
    return plural(number, "member") if number <= most else f"more than {plural(most, 'member')}"


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
    stored = usable_periods(connection, moment)
    if stored.why_not is not None:
        found = fold_holders(connection, role, moment, catalogue, None, progress)
    else:
        periods = periods_at(connection, role, moment.as_of, stored.others)
        found = held_in(connection, role, periods, moment, catalogue, progress)
        found += fold_holders(connection, role, moment, catalogue, stored.others, progress)
    return sorted(found, key=lambda holder: (holder.held.granted_at, holder.user_id))


def page_of_holders_then(
    connection: Connection, role: str, moment: AsOf, catalogue: Catalogue, *, after: str = "", limit: int
) -> HoldersPage:
    """The first *limit* of `holders_then` above *after*, by the bytes of their ids."""
    stored = usable_periods(connection, moment)
    if stored.why_not is not None:
        found = fold_holders(connection, role, moment, catalogue, None)
        total = min(len(found), MOST_COUNTED + 1)
    else:
        others = fold_holders(connection, role, moment, catalogue, stored.others)
        periods, total = page_of_periods_at(connection, role, moment.as_of, stored.others, after=after, limit=limit + 1)
        found = [*held_in(connection, role, periods, moment, catalogue), *others]
        total = min(total + len(others), MOST_COUNTED + 1)
    rest = sorted((each for each in found if each.user_id > after), key=lambda each: each.user_id.encode())
    return HoldersPage(rest[:limit], total, has_more=len(rest) > limit)


def held_in(
    connection: Connection,
    role: str,
    periods: Sequence[PeriodOf],
    moment: AsOf,
    catalogue: Catalogue,
    progress: Progress = lambda done, total: None,
) -> list[Holder]:
    """Who holds the role in these periods at *moment*, within each of them."""
    settled = [each for each in periods if is_settled(each.period, moment)]
    found = [Holder(each.user_id, HeldRole(role, each.period.granted_at, each.period.granted_by)) for each in settled]
    moved = {each.user_id for each in periods} - {each.user_id for each in settled}
    return found + fold_holders(connection, role, moment, catalogue, moved, progress)


def fold_holders(
    connection: Connection,
    role: str,
    moment: AsOf,
    catalogue: Catalogue,
    user_ids: Collection[str] | None,
    progress: Progress = lambda done, total: None,
) -> list[Holder]:
    """Those of *user_ids* who held the role, of everybody where it is None, from the log."""
    found = []
    for then in fold_candidates(connection, role, moment, catalogue, user_ids, progress):
        held = None if then.member is None else then.member.role(role)
        if held is not None:
            found.append(Holder(then.user_id, held))
    return found


def usable_periods(connection: Connection, *moments: AsOf) -> StoredPeriods:
    if any(moment.known_at is not None for moment in moments):
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
