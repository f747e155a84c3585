"""Which pages there are, and what it takes to see each."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from temple_ledger.infrastructure.web.console import PageFunction
from temple_ledger.infrastructure.web.pages import (
    actions,
    administration,
    events,
    inbox,
    member,
    members,
    operations,
    overview,
    projections,
    roles,
    source,
    verify,
)
from temple_ledger.infrastructure.web.rights import Right

LIST: Final = ("rows", "format")
"""Of a page that is a list, some rows at a time."""


class PageRoute(NamedTuple):
    """`takes`: the parameters that its address may have."""

    path: str
    page: PageFunction
    takes: Sequence[str] = ()
    right: Right = Right.READ


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("/", overview.overview),
    PageRoute("/members", members.members, ("q", "status", "tier", "role", "after", *LIST)),
    PageRoute("/members/{user_id:path}", member.member, ("as_of", "known_at", "at", "format")),
    PageRoute("/roles", roles.roles, ("format",)),
    PageRoute("/roles/{role:path}/diff", roles.difference, ("from", "to", "format")),
    PageRoute("/roles/{role:path}", roles.role, ("as_of", "known_at", "after", *LIST)),
    PageRoute("/events", events.events, ("member", "by", "role", "kind", "type", "from", "to", "before", *LIST)),
    PageRoute("/events/{number}", events.event, ("format",)),
    PageRoute("/projections", projections.projections, ("format",)),
    PageRoute("/projections/{name:path}", projections.projection, LIST),
    PageRoute("/verify", verify.verify, ("projection", "before", *LIST)),
    PageRoute("/verify/{number}", verify.verification, ("after", *LIST)),
    PageRoute("/inbox", inbox.inbox, ("source", "kind", "state", "before", *LIST)),
    PageRoute("/inbox/{number}", inbox.one, ("format",)),
    PageRoute("/operations", operations.journal, ("projection", "before", *LIST)),
    PageRoute("/operations/{number}", operations.entry, ("format",)),
    PageRoute("/admin", administration.administration, ("format",)),
    PageRoute("/actions/jobs/{job}", actions.job, right=Right.OPERATE),
    PageRoute("/actions/{name}", actions.action, actions.TAKES, Right.OPERATE),
    # of sources, such as /patreon: whatever is none of the above
    PageRoute("/{source}", source.source, ("table", "after", *LIST)),
)
