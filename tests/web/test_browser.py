"""In a real browser: every page at a desk and on a phone, in light and dark, with a script and without."""

from collections.abc import Iterator, Mapping
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.demo import Community
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.testing.copies import Copies
from temple_ledger.projections.testing.histories import joined
from tests.tools import needs, require
from tests.web.browsing import WIDTHS, Demo, browser, demo_on, is_wider_than_its_window, shown_in, signed_in
from tests.web.crawling import broken_links

pytestmark = needs("chromium")

EVERY_RULE = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""The rules whose finding may be another one in another theme."""
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
COMMUNITY = Community(seed=1, members=60, events=1_500)


@pytest.fixture(scope="module")
def demo(server: EmbeddedServer, copies: Copies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    require("chromium")
    name = copies.take()
    with demo_on(Database(server.dsn(name)), tmp_path_factory.mktemp("home"), COMMUNITY) as found:
        yield found
    copies.drop(name)


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    require("chromium")
    with browser() as found:
        yield found


@pytest.fixture
def chromium(started: Browser) -> Iterator[Browser]:
    """Without a page of the test before."""
    yield started
    for context in started.contexts:
        context.close()


@pytest.mark.parametrize("width", list(WIDTHS))
def test_every_page_is_for_everybody_in_both_themes_and_breaks_no_rule_of_its_own(
    chromium: Browser, demo: Demo, width: str
) -> None:
    """No finding of axe, nothing in the console under the strict policy, no sideways scrolling."""
    findings: list[str] = []
    context = signed_in(chromium, demo.console, width=width)
    for name, path in demo.pages().items():
        page = context.new_page()
        said = complaints(page)
        status = page.goto(demo.console.url + path)
        assert status is not None
        if status.status != 404:
            findings += [f"{name}: {each}" for each in said]
        if is_wider_than_its_window(page):
            findings.append(f"{name} is wider than its window")
        findings += [f"{name}: {each}" for each in violations(page, EVERY_RULE)]
        shown_in(page, "dark")
        findings += [f"{name} in the dark: {each}" for each in violations(page, COLOURS)]
        page.close()
    assert findings == []


def test_every_kind_of_link_of_the_demo_leads_to_a_page(demo: Demo) -> None:
    broken, kinds = broken_links(demo.console.signed_in(), of_a_kind=2)
    assert broken == []
    assert len(kinds) > 60


def violations(page: Page, rules: Mapping[str, object]) -> list[str]:
    """What axe finds: the rule, and the first element that breaks it."""
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run({runOnly: rules, resultTypes: ['violations']})", rules)
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]


def complaints(page: Page) -> list[str]:
    """What the browser says about the page, from now on."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_without_a_script_one_signs_in_searches_filters_pages_and_looks_back(chromium: Browser, demo: Demo) -> None:
    page = signed_in(chromium, demo.console, script=False).new_page()
    page.goto(demo.console.url)
    page.get_by_role("link", name="Members", exact=True).first.click()
    page.get_by_role("searchbox").fill(demo.member)
    page.get_by_role("button", name="Search").click()
    assert page.locator("tbody tr").count() == 1
    page.locator("tbody a").first.click()
    assert demo.member in page.url
    page.get_by_label("at", exact=True).first.fill("2025-07-01")
    page.get_by_role("button", name="Go").click()
    assert "as_of=2025-07-01" in page.url
    page.get_by_role("button", name="Show that time").click()
    assert "at=" in page.url
    page.goto(f"{demo.console.url}/events")
    page.get_by_label("Kind").select_option("joined")
    page.get_by_role("button", name="Show").click()
    assert " joined" in page.locator(".happening").first.inner_text()
    first = page.locator(".happening").first.inner_text()
    page.get_by_role("link", name="Next page").click()
    assert page.locator(".happening").first.inner_text() != first
    page.get_by_role("button", name="Sign out").click()
    assert page.url.endswith("/sign-in")


def test_a_search_and_the_slider_change_the_page_in_place_and_the_address_with_it(
    chromium: Browser, demo: Demo
) -> None:
    page = signed_in(chromium, demo.console).new_page()
    page.goto(f"{demo.console.url}/members")
    page.keyboard.press("/")
    page.keyboard.type(demo.member)
    page.wait_for_url(f"**/members?q={demo.member}**")
    page.locator("tbody tr").filter(has_text=demo.member).wait_for()
    page.goto(f"{demo.console.url}/members/{demo.member}")
    page.locator("#at").focus()
    for _ in range(3):
        page.keyboard.press("PageDown")
    page.wait_for_url("**at=**")
    page.get_by_role("heading", name="What happened to them by then").wait_for()
    page.go_back()
    page.get_by_role("heading", name="What happened to them", exact=True).wait_for()


TABS = 8
"""More than the connections of a browser to one host."""


def test_a_new_event_comes_to_every_open_page_of_a_browser_over_one_stream(chromium: Browser, demo: Demo) -> None:
    context = signed_in(chromium, demo.console)
    streams: list[str] = []
    context.on("request", lambda request: streams.append(request.url))
    pages = [context.new_page() for _ in range(TABS)]
    for page in pages:
        page.goto(f"{demo.console.url}/events")
    pages[-1].bring_to_front()
    pages[-1].locator('html[data-alive="1"]').wait_for(state="attached")
    number = str(demo.ledger.given(joined("700000000000000009"))[0])
    demo.ledger.catch_up()
    for page in pages:
        page.locator(f"a[href='/events/{number}']").first.wait_for()
    assert sum(url.endswith("/live") for url in streams) == 1


def test_an_event_that_came_before_the_stream_of_a_page_is_on_the_page(chromium: Browser, demo: Demo) -> None:
    page = signed_in(chromium, demo.console).new_page()
    waiting: list[Route] = []
    page.route("**/live", lambda route: waiting.append(route))
    with page.expect_request("**/live"):
        page.goto(f"{demo.console.url}/events")
    number = str(demo.ledger.given(joined("700000000000000010"))[0])
    demo.ledger.catch_up()
    while not waiting:
        page.evaluate("new Promise(requestAnimationFrame)")
    waiting[0].continue_()
    page.locator(f"a[href='/events/{number}']").first.wait_for()


NAMED = """each => [
    each.tagName, each.getAttribute('href') ?? each.name ?? '', each.ariaLabel ?? each.textContent
].join()"""
REACHABLE = f"""[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
    .filter(each => each.checkVisibility() && each.type !== 'hidden').map({NAMED})"""


def test_the_keyboard_alone_reaches_every_link_and_field_of_a_page(chromium: Browser, demo: Demo) -> None:
    page = signed_in(chromium, demo.console).new_page()
    page.goto(f"{demo.console.url}/projections")
    wanted: list[str] = page.evaluate(REACHABLE)
    reached = set()
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(f"({NAMED})(document.activeElement)"))
    assert set(wanted) - reached == set()
    page.goto(demo.console.url)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


RING = """() => {
    const each = document.activeElement, style = getComputedStyle(each), place = each.getBoundingClientRect();
    const words = each.tagName + " " + each.textContent.trim().slice(0, 40), nav = document.querySelector("nav");
    if (style.outlineStyle !== "solid" || parseFloat(style.outlineWidth) < 3) return words + " has no ring";
    if (!nav.contains(each) && place.bottom > nav.getBoundingClientRect().top && place.height < innerHeight / 2)
        return words + " is below the menu";
    const ring = 5, [top, bottom] = [place.top - ring, place.bottom + ring];
    for (let around = each.parentElement; around !== document.body; around = around.parentElement) {
        const style = getComputedStyle(around), box = around.getBoundingClientRect();
        if (style.overflowY === "visible" || style.display === "contents" || nav.contains(around)) continue;
        const room = style.overflowY === "clip" ? parseFloat(style.overflowClipMargin) : 0;
        if (top < box.top - room || bottom > box.bottom + room) return words + " is cut off by " + around.tagName;
    }
    return null;
}"""
"""What hides the ring of whatever has the focus, on a phone."""


def test_whatever_has_the_focus_is_seen_on_a_phone_with_its_ring(chromium: Browser, demo: Demo) -> None:
    hidden = set()
    page = signed_in(chromium, demo.console, width="phone").new_page()
    for name in ("members", "admin", "member"):
        page.goto(demo.console.url + demo.pages()[name])
        for _ in range(45):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement !== document.body"):
                hidden.add(page.evaluate(RING))
    assert hidden == {None}


COVERED = """() => {
    const shown = [...document.querySelectorAll("svg.ticks text")].map(each => [each.textContent,
        each.getBoundingClientRect()]).filter(([, place]) => place.width);
    return shown.slice(1).filter(([, place], at) => place.left < shown[at][1].right).map(([words]) => words);
}"""
"""Which times below the bars of a member begin before the one to the left of them has ended."""
SOME = 8


def test_no_time_below_the_bars_of_a_member_covers_another_one_on_a_phone(chromium: Browser, demo: Demo) -> None:
    page = signed_in(chromium, demo.console, width="phone").new_page()
    page.goto(f"{demo.console.url}/members?rows={SOME}")
    members = [each.get_attribute("href") for each in page.locator("tbody a.card-link").all()]
    assert len(members) == SOME
    covered = {}
    for member in members:
        page.goto(f"{demo.console.url}{member}")
        covered[member] = page.evaluate(COVERED)
    assert {member: words for member, words in covered.items() if words} == {}


def test_whoever_is_at_a_link_with_the_keyboard_stays_there_and_the_newer_part_comes_after(
    chromium: Browser, demo: Demo
) -> None:
    mark = "document.getElementById('live').dataset.mark = 'the older one'"
    page = signed_in(chromium, demo.console).new_page()
    page.goto(f"{demo.console.url}/projections")
    page.evaluate(mark)
    page.locator("#live a").first.focus()
    page.keyboard.press("Tab")
    with page.expect_response("**/projections"):
        page.evaluate("htmx.trigger(document.body, 'head')")
    page.evaluate("new Promise(requestAnimationFrame)")
    assert page.evaluate("document.activeElement.closest('#live').dataset.mark") == "the older one"
    page.locator("nav a").first.focus()
    page.locator("#live:not([data-mark])").wait_for()
    page.goto(demo.console.url)
    page.evaluate(mark)
    page.locator("summary").click()
    page.evaluate("htmx.trigger(document.body, 'head')")
    page.locator("#live:not([data-mark]) details[open]").wait_for()


def test_the_theme_and_the_zone_are_the_readers_own_and_stay(chromium: Browser, demo: Demo) -> None:
    page = signed_in(chromium, demo.console).new_page()
    page.goto(f"{demo.console.url}/events")
    page.get_by_role("button", name="Light / dark").click()
    page.get_by_role("button", name="Times:").click()
    page.goto(f"{demo.console.url}/members")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.get_by_role("button", name="Times:").get_attribute("aria-pressed") == "true"


def test_a_first_visit_and_a_later_page_are_small(chromium: Browser, demo: Demo) -> None:
    context = signed_in(chromium, demo.console)
    assert 0 < _size(context, f"{demo.console.url}/") < 60_000
    assert 0 < _size(context, f"{demo.console.url}/events") < 25_000


def _size(context: BrowserContext, url: str) -> int:
    """Of all that a visit brings over the wire, in bytes; the stream apart, which goes on."""
    page = context.new_page()
    requests: list[Request] = []
    page.on("requestfinished", lambda request: requests.append(request))
    page.goto(url)
    page.wait_for_load_state("load")
    sizes = [each.sizes() for each in requests if not each.url.endswith("/live")]
    return sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes)


MOST_TABS = 400


def reach(page: Page, selector: str) -> None:
    """By Tab alone. Raises AssertionError where it is never reached."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.locator(f":focus:is({selector})").count():
            assert not is_wider_than_its_window(page)
            return
    raise AssertionError(selector)


def enter(page: Page, selector: str) -> None:
    reach(page, selector)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_the_five_questions_are_answered_by_tab_and_enter_on_a_phone_without_a_script(
    chromium: Browser, demo: Demo
) -> None:
    page = signed_in(chromium, demo.console, width="phone", script=False).new_page()
    page.goto(demo.console.url)
    _walk(demo, page)


def _walk(demo: Demo, page: Page) -> None:
    # who gave this person each role, when, and did it come from Patreon
    enter(page, "nav a[href='/members']")
    reach(page, "input[type=search]")
    page.keyboard.type(demo.member)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    enter(page, f"a[href='/members/{demo.member}']")
    assert "Patreon" in page.locator("#live").inner_text()
    # what they held on a day
    reach(page, "input[type=date][name=as_of]")
    page.keyboard.type("03032025")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "as_of=2025-03-03" in page.url
    # who lost a role
    page.goto(demo.console.url)
    enter(page, "ul.held a[href^='/roles/']")
    enter(page, "a[href*='/diff?']")
    assert "lost it" in page.locator("#live").inner_text()
    # who has a role without paying
    enter(page, "nav a[href='/patreon']")
    assert "Has the role without paying" in page.locator("#live").inner_text()
    # what a moderator did
    page.goto(f"{demo.console.url}/members/{demo.member}")
    enter(page, f"a[href='/events?by={demo.member}']")
    assert f"by={demo.member}" in page.url
