"""In a real browser, on a phone: a ledger that is empty, hostile, behind or away, and whoever may not see it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.names.segment import in_segment
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.rights import EVERY, Right
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.queries.builders import append
from tests.tools import needs, require
from tests.web.browsing import WIDTHS, browser, is_wider_than_its_window, shown_in
from tests.web.conftest import ADA, BOB, SEER, ConsoleAtWork, Started
from tests.web.test_browser import COLOURS, EVERY_RULE, violations
from tests.web.test_hostile import MEMBER, ROLE, hostile

__all__ = ["hostile"]

pytestmark = needs("chromium")

NOBODY = "500000000000000009"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    require("chromium")
    with browser() as found:
        yield found


def phone(chromium: Browser, console: ConsoleAtWork, *rights: Right) -> BrowserContext:
    """Signed in without a page: the browser gets the cookie of somebody who is."""
    across, down = WIDTHS["phone"]
    context = chromium.new_context(viewport={"width": across, "height": down}, locale="en-GB")
    cookies = console.signed_in(*rights).cookies if rights else {}
    context.add_cookies([{"name": name, "value": value, "url": console.url} for name, value in cookies.items()])
    return context


def findings(context: BrowserContext, console: ConsoleAtWork, pages: dict[str, int]) -> list[str]:
    """Whatever is wrong with these addresses, by the status that each answers with."""
    page = context.new_page()
    found: list[str] = []
    for path, status in pages.items():
        shown_in(page, "light")
        answer = page.goto(console.url + path)
        assert answer is not None
        found += [] if answer.status == status else [f"{path} is {answer.status}"]
        found += [f"{path} is wider than its window"] if is_wider_than_its_window(page) else []
        found += [f"{path}: {each}" for each in violations(page, EVERY_RULE)]
        shown_in(page, "dark")
        found += [f"{path} in the dark: {each}" for each in violations(page, COLOURS)]
    context.close()
    return found


def test_pages_of_an_empty_ledger_and_of_whoever_is_not_let_in_are_for_everybody(
    chromium: Browser, start: Started, database: Database
) -> None:
    console = start(allow_actions=True)
    pages = {"/": 200, "/verify": 200, "/events?since=x": 400, "/nothing": 404}
    assert findings(phone(chromium, console, *EVERY), console, pages) == []
    assert findings(phone(chromium, console, Right.READ), console, {"/actions/pause?projection=members": 403}) == []
    outside = dict.fromkeys(("/members", console.link(), "/sign-in/used"), 200)
    assert findings(phone(chromium, console), console, outside) == []


def test_pages_of_a_hostile_ledger_are_for_everybody(
    chromium: Browser, start: Started, hostile: LedgerScenario
) -> None:
    console = start(allow_actions=True)
    member, role = in_segment(MEMBER), in_segment(ROLE)
    paths = ("/", "/members", f"/members/{member}", f"/roles/{role}", "/events/3", "/inbox/1")
    assert findings(phone(chromium, console, *EVERY), console, dict.fromkeys(paths, 200)) == []


def test_pages_of_a_ledger_that_is_behind_parked_and_paused_are_for_everybody(
    chromium: Browser, start: Started, ledger: LedgerScenario, database: Database
) -> None:
    append(ledger, role_added(ADA, SEER, at(9), by=NOBODY), granted_by=NOBODY)
    ledger.given(joined("500000000000000010", at(10)))
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("update projection_checkpoint set state = 'paused', reason = 'to look at it'")
    console = start(allow_actions=True)
    paths = ("/", f"/members/{BOB}", f"/members/{NOBODY}", "/projections", "/actions/retry?projection=members")
    assert findings(phone(chromium, console, *EVERY), console, dict.fromkeys(paths, 200)) == []
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("alter table projection_checkpoint rename to away")
    assert findings(phone(chromium, console, *EVERY), console, {"/projections": 503}) == []
