"""Which pages there are, and what it takes to see each."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from starlette.convertors import Convertor, register_url_convertor

from temple_ledger.infrastructure.names.segment import from_segment, in_segment
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


class _NameConvertor(Convertor[str]):
    """One part of an address, and the name that it stands for."""

    regex = "[^/]*"

    def convert(self, value: str) -> str:
        return from_segment(value)

    def to_string(self, value: str) -> str:
        return in_segment(value)


register_url_convertor("name", _NameConvertor())

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
    PageRoute("/members/{user_id:name}", member.member, ("as_of", "known_at", "at", "format")),
    PageRoute("/roles", roles.roles, ("format",)),
    PageRoute("/roles/{role:name}/diff", roles.difference, ("from", "to", "format")),
    PageRoute("/roles/{role:name}", roles.role, ("as_of", "known_at", "after", *LIST)),
    PageRoute("/events", events.events, ("member", "by", "role", "kind", "type", "from", "to", "before", *LIST)),
    PageRoute("/events/{number}", events.event, ("format",)),
    PageRoute("/projections", projections.projections, ("format",)),
    PageRoute("/projections/{name:name}", projections.projection, LIST),
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
