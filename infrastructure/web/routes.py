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


class PageRoute(NamedTuple):
    path: str
    page: PageFunction
    right: Right = Right.READ


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("/", overview.overview),
    PageRoute("/members", members.members),
    PageRoute("/members/{user_id:path}", member.member),
    PageRoute("/roles", roles.roles),
    PageRoute("/roles/{role:path}/diff", roles.difference),
    PageRoute("/roles/{role:path}", roles.role),
    PageRoute("/events", events.events),
    PageRoute("/events/{number}", events.event),
    PageRoute("/projections", projections.projections),
    PageRoute("/projections/{name:path}", projections.projection),
    PageRoute("/verify", verify.verify),
    PageRoute("/verify/{number}", verify.verification),
    PageRoute("/inbox", inbox.inbox),
    PageRoute("/inbox/{number}", inbox.one),
    PageRoute("/operations", operations.journal),
    PageRoute("/operations/{number}", operations.entry),
    PageRoute("/admin", administration.administration),
    PageRoute("/actions/jobs/{job}", actions.job, Right.OPERATE),
    PageRoute("/actions/{name}", actions.action, Right.OPERATE),
    # of sources, such as /patreon: whatever is none of the above
    PageRoute("/{source}", source.source),
)
