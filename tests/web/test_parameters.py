"""What an address asks for is answered, or refused: no parameter is passed over."""

import re
from pathlib import Path

import pytest

from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.pages.actions import FORMS
from temple_ledger.infrastructure.web.parameters import TRACKING
from temple_ledger.infrastructure.web.routes import PAGES
from tests.web.conftest import ADA, BOB, ORACLE, SEER, Started, Visitor
from tests.web.test_rights import MISSING, PATHS

NEEDED = ("/verify/1", "/inbox/1", "/operations/1")
"""Which the ledger of the test has none of."""
LINK_PROGRAMS = "utm_source=x&utm_campaign=y&fbclid=z&gclid=1&mc_cid=2"


def with_parameter(path: str, parameter: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{parameter}"


def test_every_page_refuses_what_it_does_not_take_and_names_what_it_takes(
    start: Started, ledger: LedgerScenario
) -> None:
    visitor = start(allow_actions=True).signed_in()
    for each in PAGES:
        path = PATHS[each.path]
        whole = visitor.get(with_parameter(path, "sinse=x"))
        assert (whole.status, "Members" in whole.words) == (400, True), path
        assert "This page takes no parameter “sinse”." in whole.words, path
        names = FORMS["pause"].takes if "/actions/pause" in path else each.takes
        assert all(name in whole.words.partition("It takes")[2] for name in names), path
        assert visitor.get(with_parameter(path, "sinse")).status == 400, path
        live = visitor.get(with_parameter(path, "sinse=x"), HX_Request="true", HX_Target="live")
        assert "takes no parameter" in live.words
        assert live.text.count("<nav") == 0
        for form in ("json", "csv"):
            listed = visitor.get(with_parameter(path, f"sinse=x&format={form}"))
            assert (listed.status, listed.headers["content-type"]) == (400, "text/plain; charset=utf-8"), path
        assert visitor.get(with_parameter(path, "format=xml")).status == 400, path
        answered = visitor.get(with_parameter(path, "format=json")).status
        assert answered == (200 if "format" in each.takes else 400) or path in NEEDED, path
        found = visitor.get(with_parameter(path, LINK_PROGRAMS))
        assert found.status == MISSING.get(path, 200) or path in NEEDED, path
        assert not TRACKING.search(" ".join(re.findall(r'(?:href|hx-get)="([^"]+)"', found.text))), path
    for path in ("/sign-in", "/sign-in/nothing"):
        assert visitor.get(f"{path}?nxt=/members").status == 400
        assert visitor.get(f"{path}?next=/members&{LINK_PROGRAMS}").status == 200


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/events?role=a&role=b", "“role” stands twice in the address"),
        ("/events?kind=given&type=discord_join", "Kind and type both say which events"),
        ("/events?rows=0", "Rows is a number from 1 to 500"),
        ("/members?rows=501", "Rows is a number from 1 to 500"),
        ("/members?q=ada&after=1", "Q finds all at once"),
        (f"/members/{ADA}?at=1767225600&as_of=2026-01-01", "At and as_of both say as of when"),
        ("/patreon?table=nothing", "Table is one of"),
        ("/patreon?after=50", "After goes with table"),
        ("/actions/pause?projection=members&member=1", "It takes projection"),
        (f"/actions/ask-owner?what=erase&member={ADA}&to=2", "It takes what and member"),
        ("/events?%3Cb%3E%E2%80%AE=x", "takes no parameter “<b>\\u202e”"),
    ],
)
def test_what_contradicts_itself_or_fits_no_list_is_refused(reader: Visitor, path: str, sentence: str) -> None:
    page = reader.get(path)
    assert (page.status, sentence in page.words) == (400, True), page.words


def test_a_search_for_a_name_stays_among_those_who_were_chosen(visitor: Visitor, ledger: LedgerScenario) -> None:
    def found(query: str) -> list[str]:
        return [each["user_id"] for each in visitor.get(f"/members?q=ada&{query}&format=json").data]

    assert found("status=active") == found(f"role={ORACLE}&tier=Gold") == found("role=oracle") == [ADA]
    assert found("status=departed") == found(f"role={SEER}") == found("tier=Silver") == []
    assert visitor.get("/members?role=nothing").status == 404
    assert f'value="{SEER}" selected' in visitor.get(f"/members?q=ada&role={SEER}").text


def test_the_next_page_of_a_list_is_in_the_same_form(visitor: Visitor, ledger: LedgerScenario) -> None:
    first = visitor.get("/members?rows=1&format=json")
    following = first.body.decode().rpartition('"next": "')[2].partition('"')[0]
    assert visitor.get(following).data[0]["user_id"] == BOB


def test_the_parameters_in_the_docs_are_those_of_the_pages() -> None:
    text = (Path(__file__).parents[2] / "docs" / "console.md").read_text().partition("### What an address may ask")[2]
    rows = [re.findall(r"`([^`]+)`", line) for line in text.splitlines() if line.startswith("| `/")]
    documented = {path: set(names) for path, *names in rows}
    common = {"rows", "format"}
    assert documented == {
        re.sub(r":name|:int", "", each.path): set(each.takes) - common for each in PAGES if set(each.takes) - common
    }
