"""`/roles`, `/roles/ID` and `/roles/ID/diff`: who holds a role now or held it then, who gained and who lost it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.pool import Connection
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries import caveats
from temple_ledger.infrastructure.queries.as_of import AsOf, before, still_to_come
from temple_ledger.infrastructure.queries.member import HeldRole
from temple_ledger.infrastructure.queries.not_folded import not_folded
from temple_ledger.infrastructure.queries.role import Holder, page_of_holders_then
from temple_ledger.infrastructure.queries.role_difference import RoleDifference, role_difference
from temple_ledger.infrastructure.queries.role_directory import require_role
from temple_ledger.infrastructure.web.asked import Asked, Form
from temple_ledger.infrastructure.web.console import Console, Page
from temple_ledger.infrastructure.web.listing import Listing
from temple_ledger.infrastructure.web.parameters import BadQuestion
from temple_ledger.projections.registry import catalogue

ROLES: Final = ("role", "name", "members", "deleted")
HOLDERS: Final = ("user_id", "granted_at", "granted_by")
DIFFERENCE: Final = ("change", "user_id", "granted_at", "granted_by", "ended_at", "ended_by", "ending", "position")
MOST_SHOWN: Final = 100
"""Of those who gained a role, and of those who lost it; the lists as CSV and JSON have all of them."""
SPANS: Final = (("a day", 1), ("a week", 7), ("a month", 30), ("a quarter", 91))


def roles(console: Console, asked: Asked) -> Page:
    with console.reading() as connection:
        directory, _ = console.narrator(connection)
        counted = console.figures.current(connection).roles
        behind = not_folded(connection)
    every = [directory.get(role) for role in {*counted, *(each.role for each in directory)}]
    every.sort(key=lambda each: (-counted.get(each.role, 0), each.name or each.role, each.role))
    rows = [
        {"role": each.role, "name": each.name, "members": counted.get(each.role, 0), "deleted": each.deleted}
        for each in every
    ]
    data: dict[str, Any] = {
        "roles": [(row, directory.label(str(row["role"]))) for row in rows],
        "behind": behind.sentence,
        "most": max(counted.values(), default=1),
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    return Page("roles.html", "Roles", "roles", data, set(), Listing(ROLES, rows, not_folded=behind))


def role(console: Console, asked: Asked) -> Page:
    moment, now = AsOf(asked.end("as_of"), asked.end("known_at")), datetime.now(UTC)
    with console.reading() as connection:
        directory, _ = console.narrator(connection)
        wanted = require_role(connection, directory, asked.parameters["role"])
        found, more, many = _holders(console, connection, asked, wanted, moment)
        gave = console.figures.current(connection).givers.get(wanted, ()) if moment.is_now else ()
        behind = not_folded(connection) if moment.is_now else caveats.not_folded_then(connection, moment)
        there = bool(found) or asked.text("after") is not None
        doubts = [] if behind.sentence is None else [behind.sentence]
        if not moment.is_now:
            doubts = still_to_come(moment.as_of, now)
            doubts += caveats.of_holders(connection, directory, wanted, moment, found=there)
    following = asked.url(after=found[-1].user_id) if more else None
    rows = [{"user_id": each.user_id, **each.held._asdict()} for each in found]
    data: dict[str, Any] = {
        "role": wanted,
        "label": directory.label(wanted),
        "deleted": directory.get(wanted).deleted,
        "found": found,
        "many": many,
        "moment": moment,
        "as_of": asked.typed("as_of"),
        "gave": gave,
        "doubts": doubts,
        "following": following,
        "spans": [(words, f"{now - timedelta(days=days):%Y-%m-%d}", f"{now:%Y-%m-%d}") for words, days in SPANS],
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    people = {each.user_id for each in found} | {each.held.granted_by or "" for each in found}
    people |= {by or "" for by, _ in gave}
    listing = Listing(HOLDERS, rows, following, behind)
    return Page("role.html", data["label"], "roles", data, people, listing, live=moment.is_now)


def _holders(
    console: Console, connection: Connection, asked: Asked, role: str, moment: AsOf
) -> tuple[Sequence[Holder], bool, str]:
    """A page of them by id, whether there are more, and how many in all."""
    after, limit = asked.text("after") or "", asked.rows
    if not moment.is_now:
        page = page_of_holders_then(connection, role, moment, catalogue(), after=after, limit=limit)
        return page.found, page.has_more, page.total_words
    wanted = {"role": role, "after": after, "limit": limit + 1}
    rows = connection.execute(statement("web_role_holders"), wanted).fetchall()
    found = [Holder(user_id, HeldRole(role, at, by)) for user_id, at, by in rows]
    total = console.figures.current(connection).roles.get(role, len(found))
    return found[:limit], len(found) > limit, plural(total, "member")


def difference(console: Console, asked: Asked) -> Page:
    now = datetime.now(UTC)
    first = asked.beginning("from") or now - timedelta(days=7)
    second = asked.end("to") or now
    if first > second:
        raise BadQuestion("from is later than to: the earlier time goes first")
    with console.reading() as connection:
        directory, _ = console.narrator(connection)
        wanted = require_role(connection, directory, asked.parameters["role"])
        shown = MOST_SHOWN if asked.form is Form.HTML else None
        earlier, later = before(first), AsOf(second)
        found = role_difference(connection, wanted, earlier, later, catalogue(), newest=shown)
        doubts = [
            *still_to_come(second, now),
            *caveats.of_difference(connection, directory, wanted, earlier, later),
        ]
        behind = caveats.not_folded_then(connection, later)
    data: dict[str, Any] = {
        "role": wanted,
        "label": directory.label(wanted),
        "found": found,
        "first": first,
        "second": second,
        "doubts": doubts,
        "from_": asked.typed("from") or f"{first:%Y-%m-%d}",
        "to": asked.typed("to") or f"{second:%Y-%m-%d}",
        "csv": asked.url(format="csv"),
        "json": asked.url(format="json"),
    }
    people = {each.user_id for each in (*found.gained, *found.lost)}
    people |= {each.held.granted_by or "" for each in (*found.gained, *found.lost)}
    people |= {each.end.ended_by or "" for each in found.lost if each.end is not None}
    listing = Listing(DIFFERENCE, _difference_rows(found), not_folded=behind)
    return Page("role_diff.html", f"{data['label']}: gained and lost", "roles", data, people, listing)


def _difference_rows(found: RoleDifference) -> list[dict[str, Any]]:
    return [
        {
            "change": change,
            "user_id": each.user_id,
            "granted_at": each.held.granted_at,
            "granted_by": each.held.granted_by,
            "ended_at": None if each.end is None else each.end.event.occurred_at,
            "ended_by": None if each.end is None else each.end.ended_by,
            "ending": None if each.end is None or each.end.ending is None else each.end.ending.value,
            "position": None if each.end is None else each.end.event.position,
        }
        for change, holdings in (("gained", found.gained), ("lost", found.lost))
        for each in holdings
    ]
