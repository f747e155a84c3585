"""Whatever a member or a role is called, it has its own page: no name is taken for another page or another name."""

import re
from html import unescape

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.names.segment import in_segment
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, role_added
from tests.web.conftest import Started

NAMES = (
    *("x", "x/diff", "diff", "x/diff/diff", "a/b", "a//b", "/", "//", "/x", "x/", "/diff"),
    *(".", "..", "../..", "...", "./x", "x/..", ".diff", "%2E%2E"),
    *("50%", "%", "%2F", "%252F", "%25", "%00", "100%25"),
    *("a?b=c", "?", "a#b", "#main", "a+b", "a b", "a&b;c", "a\\b", "~", "é/ü", "<b>\"'", "jobs/x"),
)


def test_each_name_has_its_own_pages_and_links_that_lead_to_them(start: Started, database: Database) -> None:
    ledger = LedgerScenario(database)
    ledger.given(*(role_added(name, name, at(1)) for name in NAMES))
    ledger.catch_up()
    visitor = start().signed_in()
    links = set(_links(visitor.get("/roles").text)) | set(_links(visitor.get("/members?rows=100").text))
    for name in NAMES:
        member, role = f"/members/{in_segment(name)}", f"/roles/{in_segment(name)}"
        assert {member, role} <= links, name
        assert [each["user_id"] for each in visitor.get(f"{member}?format=json").data] == [name]
        assert [each["user_id"] for each in visitor.get(f"{role}?format=json").data] == [name]
        lost = f"{role}/diff?from=2026-01-01&to=2026-01-02"
        assert [each["user_id"] for each in visitor.get(f"{lost}&format=json").data] == [name]
        for page in (member, role, lost):
            found = visitor.get(page)
            assert found.status == 200, page
            own = [link for link in _links(found.text) if "format=json" in link]
            assert own == [f"{page}{'&' if '?' in page else '?'}format=json"], name


def _links(text: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'href="([^"]+)"', text)]
