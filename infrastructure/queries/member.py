"""A member's rows as one answer: as they are stored, or folded from the log as of a moment."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from difflib import get_close_matches
from itertools import starmap
from typing import Any, Final, NamedTuple

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import UnknownMember
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.batches import in_pages
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import events_at
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.attribution import AttributedEvent, merge_attributions
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.rows_then import RowsThen, rows_then
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.projections.difference import named
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import ROLES, STATUS, members
from temple_ledger.projections.placing import placed_as
from temple_ledger.projections.tables import Rows

WHOLE_AT_A_TIME: Final = 16
"""Facts whose payloads are read together; each may have a megabyte of them, twice."""
NEIGHBOURS: Final = 2_500
"""How many ids on each side are compared with a name that is not there."""


class HeldRole(NamedTuple):
    role: str
    granted_at: datetime
    granted_by: str | None


@dataclass(frozen=True)
class MemberOverview:
    """`roles` by when they were granted. `status` is None where its stored row is missing."""

    user_id: str
    status: str | None
    discord_joined_at: datetime | None
    patreon_tier: str | None
    total_roles_count: int | None
    last_activity: datetime | None
    roles: tuple[HeldRole, ...]

    def role(self, role: str) -> HeldRole | None:
        return next((held for held in self.roles if held.role == role), None)

    def as_data(self) -> dict[str, Any]:
        """As JSON has it: the roles are a list of objects."""
        return {**asdict(self), "roles": [held._asdict() for held in self.roles]}


class MemberThen(RowsThen):
    """The same of `members`."""

    @property
    def member(self) -> MemberOverview | None:
        """None before the first known event."""
        return member_of(self.user_id, self.rows)


def member_of(user_id: str, rows: Rows) -> MemberOverview | None:
    status, roles = rows.get(STATUS.name, ()), rows.get(ROLES.name, ())
    if not status and not roles:
        return None
    values: dict[str, Any] = named(STATUS, status[0] if status else (None,) * len(STATUS.columns))
    held = sorted((HeldRole(*row) for row in roles), key=lambda each: (each.granted_at, each.role))
    return MemberOverview(user_id=user_id, roles=tuple(held), **values)


def stored_members(connection: Connection, user_ids: Sequence[str]) -> dict[str, MemberOverview]:
    """Those of *user_ids* that have rows, in this order."""
    stored = PostgresTransaction(connection).stored(placed_as(members, active=True), user_ids)
    found = ((user_id, member_of(user_id, rows)) for user_id, (rows, _) in stored.items())
    return {user_id: member for user_id, member in found if member is not None}


def list_members(
    connection: Connection,
    *,
    status: str | None = None,
    role: str | None = None,
    tier: str | None = None,
    after: str = "",
    limit: int,
) -> list[MemberOverview]:
    """As they are stored, by id; *role* is an id."""
    picked = {"status": status, "role": role, "tier": tier, "after": after, "limit": limit}
    user_ids = [user_id for (user_id,) in connection.execute(statement("read_member_list"), picked)]
    return list(stored_members(connection, user_ids).values())


def members_then(
    connection: Connection, user_ids: Sequence[str], moment: AsOf, catalogue: Catalogue
) -> Iterator[MemberThen]:
    """In the order of the ids' bytes; whoever has no event at that moment is left out."""
    for then in rows_then(connection, members, user_ids, moment, catalogue):
        yield MemberThen(*then)


def member_then(connection: Connection, user_id: str, moment: AsOf, catalogue: Catalogue) -> MemberThen:
    """Of one; without rows where nothing had happened."""
    return next(members_then(connection, [user_id], moment, catalogue), MemberThen(user_id, {}, ()))


def member_history(
    connection: Connection,
    user_id: str,
    moment: AsOf,
    *,
    left_out: Collection[Position] = frozenset(),
    payloads: bool = True,
) -> list[AttributedEvent]:
    """Every fact about the member once, by (timestamp, position), also those that no fold reads.

    Without *payloads*, the events have of their metadata only what says who did it, so that there may be any number of
    large ones; `whole_facts_of` has the rest. An event that is *left_out*, say as skipped, is shown beside the other
    one of its pair.
    """
    found = connection.execute(
        statement("read_member_history"),
        {"user_id": user_id, "as_of": moment.as_of, "known_at": moment.known_at, "payloads": payloads},
    )
    return merge_attributions(connection, list(starmap(Recorded, found)), known_at=moment.known_at, left_out=left_out)


def whole_facts_of(connection: Connection, facts: Sequence[AttributedEvent]) -> Iterator[AttributedEvent]:
    """The same facts with all of their metadata, of which no more than a page's is held."""
    for page in in_pages(facts, WHOLE_AT_A_TIME):
        both = [each.position for fact in page for each in fact if each is not None]
        found = {
            event.position: event.metadata_text
            for events in events_at(connection, PositionSet.of(both), len(both))
            for event in events
        }
        for event, attribution in page:
            yield AttributedEvent(_whole(event, found), None if attribution is None else _whole(attribution, found))


def _whole(event: Recorded, found: Mapping[Position, str | None]) -> Recorded:
    return event._replace(metadata_text=found.get(event.position, event.metadata_text))


def require_member(connection: Connection, user_id: str) -> None:
    """Raises UnknownMember, with near ids, for a member without a row and without an event."""
    row = connection.execute(statement("read_member_known"), {"user_id": user_id}).fetchone()
    if row is None or not row[0]:
        raise UnknownMember(user_id, _near(connection, user_id))


def waiting_events(connection: Connection, user_id: str, key: ProjectionKey = members.key) -> int:
    """How many events of the member are not folded into the stored rows yet."""
    asked = {"user_id": user_id, **key.parameters}
    row = connection.execute(statement("read_member_waiting"), asked).fetchone()
    return 0 if row is None else int(row[0])


def stored_member_count(connection: Connection, projection: MemberProjection[Any]) -> int:
    """How many members the projection has folded something of."""
    row = connection.execute(statement("read_member_count"), projection.key.parameters).fetchone()
    return 0 if row is None else int(row[0])


def _near(connection: Connection, user_id: str) -> tuple[str, ...]:
    beside = connection.execute(statement("read_member_neighbours"), {"user_id": user_id, "each_side": NEIGHBOURS})
    return tuple(get_close_matches(user_id, [each for (each,) in beside], n=3, cutoff=0.8))
