"""`/members/ID`: what a member is or was, since when and by whom, and everything that happened to them."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from temple_ledger.domain.errors import UnknownMember
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.pool import Connection
from temple_ledger.infrastructure.names.name import PersonKind
from temple_ledger.infrastructure.queries import caveats
from temple_ledger.infrastructure.queries.as_of import AsOf, still_to_come
from temple_ledger.infrastructure.queries.attribution import AttributedEvent
from temple_ledger.infrastructure.queries.member import (
    HeldRole,
    MemberOverview,
    MemberThen,
    member_history,
    member_then,
    require_member,
    stored_members,
    waiting_events,
)
from temple_ledger.infrastructure.queries.periods import held_things
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory
from temple_ledger.infrastructure.queries.rows_then import PagedEvents, RowsThen
from temple_ledger.infrastructure.read_models.operations import parked
from temple_ledger.infrastructure.web.asked import Asked, Form
from temple_ledger.infrastructure.web.console import Console, Page, Redirect
from temple_ledger.infrastructure.web.lanes import Givers, Lanes, draw
from temple_ledger.infrastructure.web.pages.happenings import as_listing, happenings, is_long_history, people_of
from temple_ledger.infrastructure.web.pages.outsider import is_named, outsider
from temple_ledger.infrastructure.web.parameters import BadQuestion
from temple_ledger.projections.explain import Cause, causes
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import ROLES, STATUS, members
from temple_ledger.projections.registry import catalogue

SHOWN: Final = 60
"""What happened last; the rest is on the page of events."""
LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)


class RoleFact(NamedTuple):
    """A role that is held, and the event since which it is."""

    held: HeldRole
    label: str
    event: Recorded | None


class Slider(NamedTuple):
    """Times in seconds since 1970; `before` and `after` are the nearest ones at which something happened."""

    first: int
    last: int
    at: int
    before: datetime | None
    after: datetime | None


def member(console: Console, asked: Asked) -> Page | Redirect:
    user_id = asked.parameters["user_id"]
    moment = _moment(asked)
    now = datetime.now(UTC)
    with console.reading() as connection:
        try:
            require_member(connection, user_id)
        except UnknownMember:
            if not moment.is_now or not is_named(connection, user_id):
                raise
            return outsider(console, connection, user_id, asked)
        directory, narrator = console.narrator(connection)
        then = member_then(connection, user_id, moment, catalogue())
        stored = stored_members(connection, [user_id]).get(user_id) if moment.is_now else None
        waiting = waiting_events(connection, user_id)
        failures = parked(connection, projection=members.name, user_id=user_id)
        # one with few events, and megabytes in them, is read in pages too
        is_long = is_long_history(connection, user_id) or isinstance(then.events, PagedEvents)
        if is_long and asked.form is not Form.HTML:
            return _paged(asked, user_id, moment)
        # of one that is long, what the latest proof found: comparing all of it anew takes too long for a page
        doubts = caveats.of_log(connection, None if is_long else user_id)
        whole = then if moment.is_now else None if is_long else _whole(connection, user_id, moment)
        last = SHOWN if asked.form is Form.HTML else None
        facts = _last(connection, user_id, moment, is_long=is_long, then=then, most=last)
        found = happenings(connection, console, narrator, facts)
    shown = stored if moment.is_now and stored is not None else then.member
    explained = [] if is_long else causes(Fold(members, catalogue()), then.folded_events)
    lanes, givers = _lanes(console, user_id, whole, moment, now) if whole is not None and not is_long else (None, set())
    listing = as_listing(found, None)
    data: dict[str, Any] = {
        "user_id": user_id,
        "member": shown,
        "moment": moment,
        "is_now": moment.is_now,
        "facts": _role_facts(shown, explained, directory),
        "status": {cause.column: cause.event for cause in explained if cause.table == STATUS.name},
        "lanes": lanes,
        "platforms": " or ".join(sorted({actor.name for actor in console.actors.values()})),
        "labels": {role: directory.label(role) for role in _roles_of(lanes)},
        "slider": None if whole is None or is_long else _slider(whole.events, moment, now),
        "waiting": waiting,
        "failures": failures,
        "error": then.error,
        "doubts": [*still_to_come(moment.as_of, now), *doubts],
        "parked_at": then.parked_at,
        "agrees": _agrees(then, stored, waiting) if moment.is_now and not failures else None,
        "happened": found,
        "is_long": is_long,
        "more": len(facts) >= SHOWN,
        "as_of": asked.typed("as_of"),
        "known_at": asked.typed("known_at"),
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    people = {user_id, *people_of(found), *givers, *(role.held.granted_by or "" for role in data["facts"])}
    title = console.names.of([user_id]).get(user_id)
    return Page(
        "member.html",
        user_id if title is None else title.name,
        "members",
        data,
        people,
        listing,
        live=moment.is_now,
    )


def _moment(asked: Asked) -> AsOf:
    """`at` is the time as a slider sends it, in seconds. Raises BadQuestion."""
    at = asked.number("at")
    if at is not None:
        if asked.text("as_of") is not None:
            raise BadQuestion("at and as_of both say as of when: leave one out")
        if at >= LATEST.timestamp():
            raise BadQuestion("at is a number of seconds since 1970")
        if at >= int(datetime.now(UTC).timestamp()) - 1:
            return AsOf(None, asked.end("known_at"))
        return AsOf(datetime.fromtimestamp(at + 0.999999, UTC), asked.end("known_at"))
    return AsOf(asked.end("as_of"), asked.end("known_at"))


def _whole(connection: Connection, user_id: str, moment: AsOf) -> RowsThen:
    """All that is known of the member, whatever time is looked at."""
    return member_then(connection, user_id, AsOf(None, moment.known_at), catalogue())


def _last(
    connection: Connection, user_id: str, moment: AsOf, *, is_long: bool, then: RowsThen, most: int | None
) -> Sequence[AttributedEvent]:
    """What happened last by then, the newest first; no more than *most*, or all of a history that is not long."""
    if is_long:
        return [AttributedEvent(event) for event in deque(then.events, maxlen=most)][::-1]
    return member_history(connection, user_id, moment)[::-1][:most]


def _paged(asked: Asked, user_id: str, moment: AsOf) -> Redirect:
    """The list of a history that is too long for one answer. Raises BadQuestion."""
    if moment.known_at is not None:
        raise BadQuestion("known_at cannot be listed: this member has too many events")
    until = {} if moment.as_of is None else {"to": moment.as_of.isoformat()}
    return Redirect(f"/events?{urlencode({'member': user_id, **until, 'format': asked.form.value})}")


def _lanes(
    console: Console, user_id: str, whole: RowsThen, moment: AsOf, now: datetime
) -> tuple[Lanes | None, set[str]]:
    times = [event.occurred_at for event in whole.events if event.occurred_at is not None]
    held = held_things(Fold(members, catalogue()), whole.folded_events)
    if not times or not (held.roles or held.tiers):
        return None, set()
    by = {period.by for period in held.roles if period.by is not None}
    names = console.names.of(by)

    def is_bot(user: str) -> bool:
        return user in names and names[user].kind is PersonKind.BOT

    at = min(moment.as_of or now, now)
    lanes = draw(held, Givers(user_id, console.actors, is_bot), since=times[0], until=max(now, times[-1]), at=at)
    return lanes, by


def _roles_of(lanes: Lanes | None) -> set[str]:
    return set() if lanes is None else {lane.what for lane in lanes.rows if not lane.is_tier}


def _slider(events: Iterable[Recorded], moment: AsOf, now: datetime) -> Slider | None:
    times = [event.occurred_at for event in events if event.occurred_at is not None]
    if not times:
        return None
    at = min(moment.as_of or now, now)
    return Slider(
        int(times[0].timestamp()),
        int(now.timestamp()),
        max(int(times[0].timestamp()), int(at.timestamp())),
        max((each for each in times if each < (moment.as_of or LATEST)), default=None),
        None if moment.as_of is None else min((each for each in times if each > moment.as_of), default=None),
    )


def _role_facts(shown: MemberOverview | None, explained: Sequence[Cause], directory: RoleDirectory) -> list[RoleFact]:
    since = {cause.key["role"]: cause.event for cause in explained if cause.table == ROLES.name}
    held = () if shown is None else shown.roles
    return [RoleFact(each, directory.label(each.role), since.get(each.role)) for each in held]


def _agrees(then: MemberThen, stored: MemberOverview | None, waiting: int) -> bool | None:
    """Whether the stored rows are what the log says; None while events are waiting to be folded."""
    return None if waiting else stored == then.member
