"""`/events` and `/events/NO`: what happened, as sentences, and one event whole."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.pool import Connection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.attribution import AttributedEvent, whole_facts
from temple_ledger.infrastructure.queries.events import LAST, EventFilter, newest, shown
from temple_ledger.infrastructure.queries.member import member_then
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, require_role
from temple_ledger.infrastructure.read_models.operations import parked
from temple_ledger.infrastructure.seals.finding import DELETED
from temple_ledger.infrastructure.seals.status import stored_findings
from temple_ledger.infrastructure.web.asked import Asked, NotThere
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.pages.happenings import as_listing, happenings, is_long_history, people_of
from temple_ledger.infrastructure.web.pages.outsider import last_acted
from temple_ledger.infrastructure.web.pages.people import person_meant
from temple_ledger.infrastructure.web.parameters import BadQuestion
from temple_ledger.projections.drift import Drift, member_drift
from temple_ledger.projections.explain import steps
from temple_ledger.projections.fold import Fold
from temple_ledger.projections.members import members
from temple_ledger.projections.registry import catalogue
from temple_ledger.projections.tables import Rows

KINDS: Final[Mapping[str, tuple[str, str | None, str | None]]] = {
    "given": ("roles given", "discord_role_change", "added"),
    "removed": ("roles removed", "discord_role_change", "removed"),
    "joined": ("joined", "discord_join", None),
    "left": ("left", "discord_leave", None),
    "payments": ("payments", "patreon_membership", None),
    "inactive": ("marked inactive", "member_inactivity", None),
    "directory": ("roles made, renamed, deleted", "discord_role", None),
}
"""Words, event type, action; by what stands in the address."""
ACTED_DAYS: Final = 7
"""How far back is looked for what somebody did, where no time is given: a bot may have done most of what there is."""


def events(console: Console, asked: Asked) -> Page:
    with console.reading() as connection:
        directory, narrator = console.narrator(connection)
        picked = _picked(console, connection, asked, directory)
        upto = asked.number("before")
        limit = asked.rows
        rows = newest(connection, picked, upto=LAST if upto is None else Position(upto - 1), limit=limit + 1)[::-1]
        shown_rows = rows[:limit] if picked.by is None else whole_facts(connection, rows[:limit])
        found = happenings(connection, console, narrator, shown_rows)
        earlier = None if rows or picked.by is None or asked.typed("from") else last_acted(connection, picked.by)
        roles = sorted(
            ((each.role, directory.label(each.role)) for each in directory), key=lambda each: each[1].casefold()
        )
    following = asked.url(before=rows[limit - 1].position) if len(rows) > limit else None
    data: dict[str, Any] = {
        "found": found,
        "following": following,
        "kinds": {name: words for name, (words, _, _) in KINDS.items()},
        "roles": roles,
        "query": {name: asked.typed(name) for name in ("member", "role", "by", "kind", "from", "to", "type")},
        "picked": picked,
        "earlier": None if earlier is None else asked.url(to=f"{earlier:%Y-%m-%d}"),
        "earlier_at": earlier,
        "acted_days": ACTED_DAYS if picked.by is not None and not asked.typed("from") else None,
        "first_page": upto is None,
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    people = people_of(found) | {each for each in (picked.user_id, picked.by) if each is not None}
    return Page("events.html", "What happened", "events", data, people, as_listing(found, following), live=upto is None)


def _picked(console: Console, connection: Connection, asked: Asked, directory: RoleDirectory) -> EventFilter:
    """Raises BadQuestion, UnknownName and AmbiguousName."""
    kind = asked.one_of("kind", {name: words for name, (words, _, _) in KINDS.items()})
    role = asked.text("role")
    member, by = (
        None if text is None else person_meant(console, connection, text)
        for text in (asked.text("member"), asked.text("by"))
    )
    since, until = asked.beginning("from"), asked.end("to")
    if kind is not None and asked.text("type") is not None:
        raise BadQuestion("kind and type both say which events: leave one out")
    _, event_type, action = KINDS[kind] if kind is not None else (None, asked.text("type"), None)
    types = None
    if by is not None:
        since = since or (until or datetime.now(UTC)) - timedelta(days=ACTED_DAYS)
    elif event_type is None and (since is not None or until is not None):
        # the index on times begins with the type
        types = tuple(each for (each,) in connection.execute(statement("read_event_types")))
    return EventFilter(
        user_id=member,
        event_type=event_type,
        action=action,
        targets=None if role is None else (require_role(connection, directory, role),),
        since=since,
        until=until,
        event_types=types,
        by=by,
    )


def event(console: Console, asked: Asked) -> Page:
    with console.reading() as connection:
        directory, narrator = console.narrator(connection)
        altered = [each for each in stored_findings(connection) if each.is_about(asked.position())]
        if any(each.kind == DELETED for each in altered):
            raise NotThere(f"{altered[0]}: it was sealed, and somebody deleted it. Verify has what was found.")
        found = shown(connection, Position(asked.position()))
        row = found.event
        words = happenings(connection, console, narrator, [row]) or happenings(
            connection, console, narrator, [AttributedEvent(row)]
        )
        failures = parked(connection, position=row.position)
        changes = _changes(connection, row)
        late = connection.execute(
            statement("web_is_late"), {"user_id": row.user_id, "at": row.occurred_at, "position": row.position}
        ).fetchone()
    data: dict[str, Any] = {
        "event": row,
        "happening": words[0],
        "label": None if row.target is None else directory.label(row.target),
        "is_role": row.event_type in ("discord_role_change", "discord_role"),
        "shown": found,
        "altered": altered,
        "failures": failures,
        "changes": changes,
        "labels": {str(each.key.get("role")): directory.label(str(each.key.get("role"))) for each in changes or ()},
        "late": late == (True,),
        "metadata": row.metadata_text or "null",
        "json": asked.url(format="json"),
    }
    people = people_of(words) | {row.user_id}
    return Page("event.html", f"Event {row.position}", "events", data, people, as_listing(words, None), live=False)


def _changes(connection: Connection, event: Recorded) -> Sequence[Drift] | None:
    """What the event made of its member's rows; None where the history is too long to be folded for a page."""
    if is_long_history(connection, event.user_id):
        return None
    then = member_then(connection, event.user_id, AsOf(), catalogue())
    before: Rows = {}
    for step in steps(Fold(members, catalogue()), then.folded_events):
        if step.event.position == event.position:
            return list(member_drift(members.name, members.tables, event.user_id, before, step.rows))
        before = step.rows
    return []
