"""Whatever data carries is text: on pages, in JSON, and in spreadsheets."""

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.names.name import PersonName
from temple_ledger.infrastructure.names.nicknames import FILE, write_nicknames
from temple_ledger.infrastructure.names.segment import in_segment
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.listing import Listing, as_csv
from tests.web.conftest import ConsoleAtWork, Started, Visitor

EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}\u202e\u2066'`\U0001f9a5\x1b[2J"
LONG = "x" * 100_000
FORMULA = '=HYPERLINK("http://evil","click")'
MEMBER = f"evil/../{EVIL}"[:90]
ROLE = f"{EVIL}"[:90]


class Elements(HTMLParser):
    """Which elements and attributes a page really has."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self.styles = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "style", "base"):
            self.scripts.append(dict(attrs).get("src") or tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.styles += sum(name == "style" for name, _ in attrs)


LINES: tuple[dict[str, Any], ...] = (
    {"type": "discord_role", "action": "created", "target": ROLE, "metadata": {"name": EVIL}},
    {"type": "discord_join", "action": "joined"},
    {
        "type": "discord_role_change",
        "action": "added",
        "target": ROLE,
        "metadata": {"granted_by": MEMBER, "reason": EVIL + LONG},
    },
    {"type": EVIL[:50], "action": FORMULA[:50], "target": FORMULA, "metadata": {EVIL: LONG}},
    {"type": "patreon_membership", "action": "started", "target": EVIL[:50]},
    {"type": "discord_role_change", "action": "removed", "target": ROLE, "user_id": FORMULA},
)
EVENT = """
    insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, metadata, source)
    values (gen_random_uuid(), now(), %(type)s, %(user_id)s, %(action)s, %(target)s, %(metadata)s, %(source)s)
"""
DELIVERY = """
    insert into inbox (source, kind, origin, received_at, digest, body, last_received_at, state, note)
    values (%s, %s, %s, now(), 'd', %s, now(), 'failed', %s)
"""
OPERATION = """
    insert into ledger_operation (kind, performed_by, reason, details) values ('repair', %s, %s, %s)
"""


@pytest.fixture
def hostile(database: Database) -> LedgerScenario:
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        for line in LINES:
            values = {"target": None, "user_id": MEMBER, "source": EVIL[:50], "metadata": None, **line}
            connection.execute(EVENT, {**values, "metadata": json.dumps(values["metadata"])})
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute(DELIVERY, (EVIL[:50], EVIL, EVIL, EVIL.encode() + b"\xff\x00", EVIL))
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(OPERATION, (EVIL[:100], EVIL + LONG, json.dumps({"before": EVIL})))
    found = LedgerScenario(database)
    found.catch_up()
    return found


PAGES = (
    *("/", "/members", f"/members/{in_segment(MEMBER)}", "/roles", f"/roles/{in_segment(ROLE)}", "/events"),
    *(f"/roles/{in_segment(ROLE)}/diff", "/events/1", "/events/2", "/events/3", "/events/4", "/inbox", "/inbox/1"),
    *("/operations", "/operations/1", "/projections", "/verify", "/patreon", "/admin"),
    *(f"/members?q={quote(EVIL)}", f"/members?after={quote(EVIL)}", f"/events?member={quote(EVIL)}&by={quote(EVIL)}"),
    *(f"/members/{quote(EVIL)}", f"/roles/{quote(EVIL)}", f"/nothing?q={quote(EVIL)}", f"/events?from={quote(EVIL)}"),
    f"/sign-in/{quote(EVIL, safe='')}?next={quote(EVIL)}",
)


def test_no_page_has_an_element_that_data_brought(start: Started, hostile: LedgerScenario, tmp_path: Path) -> None:
    write_nicknames(tmp_path / "home" / FILE, [(MEMBER, PersonName(EVIL))])
    visitor = start().signed_in()
    for path in PAGES:
        page = visitor.get(path)
        assert page.status in (200, 400, 404), (path, page.words)
        elements = Elements()
        elements.feed(page.text)
        assert all(source.startswith("/static/") for source in elements.scripts), path
        assert (elements.handlers, elements.styles) == ([], 0), path
        assert not {"\u202e", "\x1b", "\u2066"} & set(page.words), path
        assert "{{ 49 }}" not in page.text
        assert len(page.body) < 600_000, path


def test_an_error_of_a_list_is_plain_text_with_every_character_visible(console: ConsoleAtWork) -> None:
    answer = console.signed_in().get("/members/%3Cb%3E%E2%80%AE%0D?format=json")
    assert (answer.status, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert answer.text == "There is no member “<b>\\u202e\\r”.\n"


def test_the_texts_are_there_for_who_reads(start: Started, hostile: LedgerScenario) -> None:
    words = start().signed_in().get("/events").words
    assert '"><script>alert(1)</script>' in words
    assert "\\u202e" in words


def test_a_spreadsheet_gets_no_formula_and_the_same_rows(start: Started, hostile: LedgerScenario) -> None:
    visitor = start().signed_in()
    for path in ("/members", "/events", "/roles", "/inbox", "/operations"):
        table = list(csv.reader(io.StringIO(visitor.get(f"{path}?format=csv").text)))
        rows = visitor.get(f"{path}?format=json").data
        assert len(table) == len(rows) + 1
        assert [cell for row in table for cell in row if cell[:1] in "=+-@\t\r\n" and cell] == []


@pytest.mark.parametrize("text", [FORMULA, "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "|calc"])
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    listing = Listing(("a", "b", "c"), [{"a": text, "b": -5, "c": None}])
    [_, [cell, number, nothing]] = csv.reader(io.StringIO(as_csv(listing), newline=""))
    assert (cell, number, nothing) == (f"'{text}", "-5", "")


def test_every_answer_has_the_same_headers_whatever_was_asked(console: ConsoleAtWork) -> None:
    visitor: Visitor = console.signed_in()
    for path in ("/", "/nothing", "/static/x/y", "/sign-in", "/live?x", "/members?format=csv", "/a/b/c"):
        if path.startswith("/live"):
            continue
        headers = visitor.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
