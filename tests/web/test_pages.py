"""Every page shows what the ledger says, in three forms, and each of the questions of a moderator has an answer."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.names.nicknames import FILE
from temple_ledger.infrastructure.queries import projection_status
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.pages import happenings
from temple_ledger.infrastructure.web.routes import PAGES
from temple_ledger.projections.testing.histories import at, joined, role_added, role_removed
from tests.queries.builders import altered, append, append_twice
from tests.web.conftest import ADA, BOB, EVE, GONE, ORACLE, PATREON, SEER, ConsoleAtWork, Started, Visitor

LISTS = (
    *(
        "/",
        "/members",
        f"/members/{ADA}",
        "/roles",
        f"/roles/{SEER}",
        f"/roles/{SEER}/diff?from=2026-01-01&to=2026-01-02",
    ),
    *("/events", "/events/3", "/projections", "/projections/members", "/verify", "/patreon", "/inbox", "/operations"),
    "/admin",
)


@pytest.fixture
def visitor(ledger: LedgerScenario, console: ConsoleAtWork) -> Visitor:
    return console.signed_in()


@pytest.mark.parametrize("path", LISTS)
def test_a_page_is_whole_and_each_list_is_json_and_csv_too(reader: Visitor, path: str) -> None:
    page = reader.get(path)
    assert page.status == 200, page.words
    assert page.text.startswith("<!doctype html>")
    assert page.text.count('id="live"') == 1
    part = reader.get(path, HX_Request="true", HX_Target="live")
    assert part.status == 200
    assert part.text.lstrip().startswith('<div id="live"')
    if path == "/":
        return
    mark = "&" if "?" in path else "?"
    rows = reader.get(f"{path}{mark}format=json").data
    table = reader.get(f"{path}{mark}format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(list(csv.reader(io.StringIO(table.text)))) == len(rows) + 1


def test_the_overview_is_grey_until_something_was_proven(visitor: Visitor, ledger: LedgerScenario) -> None:
    words = visitor.get("/").words
    assert "1 thing needs a person" not in words
    assert "things need a person" in words  # nobody runs, one event is parked
    assert "Patreon gave Oracle to Ada Lovelace" in words
    assert "because Ada Lovelace now pays for Gold, 1 hour before" in words


FROM_TABLES = {
    "/": "Behind by",
    "/members": "not folded yet",
    "/members/{user_id:name}": "not folded yet",
    "/roles": "not folded yet",
    "/roles/{role:name}": "not folded yet",
    "/projections": "waiting",
    "/projections/{name:name}": "Waiting",
    "/{source}": "not folded yet",
}
"""Pages that answer from tables which may be behind the log, and how they say so."""
FROM_ELSEWHERE = {
    "/roles/{role:name}/diff": "of members that are behind, the log is folded",
    **dict.fromkeys(("/events", "/events/{number}"), "the log"),
    **dict.fromkeys(("/verify", "/verify/{number}"), "results, with their position"),
    **dict.fromkeys(("/inbox", "/inbox/{number}"), "deliveries"),
    **dict.fromkeys(("/operations", "/operations/{number}", "/admin"), "what was done, and settings"),
    **dict.fromkeys(("/actions/jobs/{job}", "/actions/{name}"), "computed when it is asked for"),
}


def test_a_page_from_tables_that_are_behind_the_log_says_so(visitor: Visitor, ledger: LedgerScenario) -> None:
    assert {each.path for each in PAGES} == {*FROM_TABLES, *FROM_ELSEWHERE}
    ledger.when(role_removed(ADA, ORACLE, at(900)))
    given = {"{user_id:name}": ADA, "{role:name}": ORACLE, "{name:name}": "members", "{source}": "patreon"}
    for path, words in FROM_TABLES.items():
        address = path
        for name, value in given.items():
            address = address.replace(name, value)
        assert words in visitor.get(address).words, address
        if words == "not folded yet" and path != "/members/{user_id:name}":  # whose list is of events
            answer = json.loads(visitor.get(f"{address}?format=json").body)
            assert (answer["not_folded"], answer["parked"]) == (1, 1), address
            headers = visitor.get(f"{address}?format=csv").headers
            assert (headers["x-temple-not-folded"], headers["x-temple-parked"]) == ("1", "1"), address
    assert "not_folded" not in json.loads(visitor.get("/events?format=json").body)


def test_a_lag_that_was_not_counted_is_at_most_so_many(
    visitor: Visitor, ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.when(*[role_removed(ADA, ORACLE, at(900 + number)) for number in range(2)])
    pages = {"/": "events, of 3", "/projections": "2 events waiting", "/projections/members": "2 events, the first"}
    at_most = {"/": "events at most, of 3", "/projections": "at most 2", "/projections/members": "at most 2"}
    for path, words in pages.items():
        assert words in visitor.get(path).words, path
    monkeypatch.setattr(projection_status, "COUNTED_LAG", 1)
    for path, words in at_most.items():
        assert words in visitor.get(path).words, path


def test_on_a_server_of_somebody_s_own_the_runner_is_named_and_not_up(visitor: Visitor) -> None:
    words = visitor.get("/").words
    assert "No runner is at work" in words
    assert "temple run" in words
    assert "temple up" not in words


def test_a_member_is_found_by_name_by_mention_and_by_id(visitor: Visitor) -> None:
    for wanted in ("lovelace", f"%3C%40{ADA}%3E", ADA, "%40Ada"):
        found = visitor.get(f"/members?q={wanted}&format=json").data
        assert [each["user_id"] for each in found] == [ADA], wanted
    assert "Nobody is found" in visitor.get("/members?q=zoe").words


def test_members_are_picked_and_paged_by_the_address(visitor: Visitor) -> None:
    assert [each["user_id"] for each in visitor.get("/members?status=departed&format=json").data] == [GONE]
    assert [each["user_id"] for each in visitor.get(f"/members?role={ORACLE}&format=json").data] == [ADA]
    assert [each["user_id"] for each in visitor.get("/members?tier=Gold&format=json").data] == [ADA]
    first = visitor.get("/members?rows=2")
    second = visitor.get(first.link("Next page"))
    assert "Ada Lovelace" in first.words
    assert GONE in second.words
    assert "Next page" not in second.words


def test_a_member_shows_who_gave_each_role_and_why(visitor: Visitor) -> None:
    words = visitor.get(f"/members/{ADA}").words
    assert "table and log agree" in words
    assert "given by Patreon" in words
    assert "pays for Gold since 1 Jan 2026" in words
    assert "Oracle since 1 Jan 2026, 06:00 by Patreon" in words
    assert "because Ada Lovelace now pays for Gold" in words


def test_a_member_as_of_a_time_is_as_the_log_was_then(visitor: Visitor) -> None:
    then = visitor.get(f"/members/{ADA}?as_of=2026-01-01T04:00:00Z").words
    assert "pays for Silver" in then
    assert "No roles then" in then
    assert "Patreon gave Oracle" not in then
    seconds = int(datetime(2026, 1, 1, 4, tzinfo=UTC).timestamp())
    assert "pays for Silver" in visitor.get(f"/members/{ADA}?at={seconds}").words
    assert "Nothing of a known kind had happened" in visitor.get(f"/members/{ADA}?as_of=2025-01-01").words


def test_a_list_of_a_member_has_all_that_happened_and_the_page_what_happened_last(
    visitor: Visitor, ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(20, 90, 2):
        ledger.given(role_added(ADA, SEER, at(hour), by=EVE), role_removed(ADA, SEER, at(hour + 1), by=EVE))
    assert visitor.get(f"/members/{ADA}").text.count('class="happening ') == 60
    whole = visitor.get(f"/members/{ADA}?format=json").data
    assert len(whole) == 74
    monkeypatch.setattr(happenings, "MOST_FOLDED", 50)
    paged = visitor.get(f"/members/{ADA}?as_of=2026-01-02T00:00:00Z&format=json")
    assert paged.headers["location"].endswith("&to=2026-01-02T00%3A00%3A00%2B00%3A00&format=json")
    assert [each["id"] for each in visitor.follow(paged).data] == [each["id"] for each in whole[-9:]]
    assert visitor.get(f"/members/{ADA}?known_at=2026-01-02&format=json").status == 400


def test_a_parked_member_says_so(visitor: Visitor) -> None:
    words = visitor.get(f"/members/{BOB}").words
    assert "Parked since" in words
    assert "could not be folded" in words


def test_a_table_that_was_edited_by_hand_is_seen(database: Database, visitor: Visitor) -> None:
    altered(database, f"update temple_member_status set patreon_tier = 'Forged' where user_id = '{ADA}'")
    assert "the table differs from the log" in visitor.get(f"/members/{ADA}").words


def test_one_event_shows_what_it_changed_and_what_it_follows_from(visitor: Visitor) -> None:
    grant = visitor.get(f"/events?member={ADA}&kind=given&format=json").data[0]["id"]
    words = visitor.get(f"/events/{grant}").words
    assert "Patreon gave Oracle to Ada Lovelace pledged" in words
    assert "Because Ada Lovelace now pays for Gold" in words
    assert "Oracle: gained" in words
    assert "came late" not in words


def test_an_event_that_came_late_says_so(visitor: Visitor, ledger: LedgerScenario) -> None:
    _, position = append(ledger, role_added(ADA, SEER, at(2), by=EVE), granted_by=EVE)
    assert "came late" in visitor.get(f"/events/{position}").words


def test_events_are_picked_by_person_role_actor_kind_and_time(visitor: Visitor) -> None:
    def found(query: str) -> list[str]:
        return [each["sentence"] for each in visitor.get(f"/events?{query}&format=json").data]

    assert found(f"role={SEER}&kind=given") == [
        f"{EVE} gave Seer to {GONE}",
        f"{EVE} gave Seer to {BOB} “won the <b>raffle</b>”",
    ]
    assert found(f"by={EVE}&from=2026-01-01") == [
        f"{EVE} gave Seer to {GONE}",
        f"{EVE} gave Seer to {BOB} “won the <b>raffle</b>”",
    ]
    assert found(f"by={EVE}") == []  # a week back, and that is longer ago
    assert len(found(f"by={EVE}&to=2026-01-02")) == 2, "a week up to then"
    assert found(f"by=eve&from=2026-01-01&member={BOB}") == [f"{EVE} gave Seer to {BOB} “won the <b>raffle</b>”"]
    assert found("kind=left&from=2026-01-01&to=2026-01-01") == [f"{GONE} left"]
    assert found("kind=left&from=2026-01-02") == []
    assert found(f"member={ADA}&kind=payments")[0] == f"{ADA} now pays for Gold"


def test_whoever_did_nothing_this_week_is_shown_with_the_last_week_in_which_they_did(visitor: Visitor) -> None:
    page = visitor.get(f"/events?by={EVE}")
    assert "They did nothing in these days. The last thing was on 1 Jan 2026" in page.words
    assert "gave Seer to Bob" in visitor.get(page.link("show the 7 days up to then")).words
    assert "They never did anything" in visitor.get(f"/events?by={GONE}").words


@pytest.mark.usefixtures("ledger")
def test_a_name_that_several_have_is_not_taken_for_one_of_them(start: Started, tmp_path: Path) -> None:
    (tmp_path / "home" / FILE).write_text(f"{ADA},Robin\n{BOB},robin\n{EVE},Robinson\n")
    visitor = start().signed_in()
    page = visitor.get("/events?member=Robin")
    assert (page.status, "2 people are called 'Robin'" in page.words) == (400, True), page.words
    assert visitor.get("/events?by=%40robinson").status == 200
    assert visitor.get("/events?by=robins&from=2026-01-01&format=json").data != []
    assert visitor.get("/events?member=zoe").status == 404


def test_what_somebody_did_includes_what_was_attributed_to_them_later(visitor: Visitor, ledger: LedgerScenario) -> None:
    first, _ = append_twice(ledger, role_added(ADA, SEER, at(20)), by=EVE)
    removed, _ = append_twice(ledger, role_removed(ADA, SEER, at(21)), by=EVE)
    assert [each["id"] for each in visitor.get(f"/events?by={EVE}&from=2026-01-01&format=json").data][:2] == [
        removed,
        first,
    ]


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/members/nobody", 404, "There is no member “nobody”"),
        ("/events/99999", 404, "There is no event “99999”"),
        ("/events/x", 400, "The end of the address is a number"),
        ("/events?from=yesterday", 400, "write a date such as 2026-03-01"),
        ("/events?kind=all", 400, "Kind is one of given"),
        ("/members?status=x", 400, "Status is one of active"),
        ("/members?after=%00&rows=x", 400, "Rows is a number"),
        (f"/members?q={'x' * 300}", 400, "Q is longer than 200"),
        (f"/members/{ADA}?at=99999999999999", 400, "At is a number of seconds"),
        ("/members/%00", 400, "no name with a NUL"),
        ("/roles/x%00", 400, "no name with a NUL"),
        (f"/roles/{SEER}%00/diff", 400, "no name with a NUL"),
        ("/inbox/%00", 400, "no name with a NUL"),
        ("/projections/%00", 400, "no name with a NUL"),
        ("/%00", 400, "no name with a NUL"),
        ("/roles/nothing", 404, "There is no role “nothing”"),
        (f"/roles/{SEER}/diff?from=2026-02-01&to=2026-01-01", 400, "From is later than to"),
        ("/verify/9", 404, "There is no result of a verify “9”"),
        ("/inbox/9", 404, "There is no delivery “9”"),
        ("/operations/9", 404, "There is no operation “9”"),
        ("/projections/none", 404, "There is no checkpoint of a projection “none”"),
        ("/shop", 404, "There is no page “shop”"),
        ("/a/b/c", 404, "There is no such page"),
    ],
)
def test_what_is_not_there_or_cannot_be_asked_is_one_sentence(
    reader: Visitor, path: str, status: int, sentence: str
) -> None:
    page = reader.get(path)
    assert (page.status, sentence in page.words) == (status, True), page.words
    assert "Traceback" not in page.text


def today(hour: int) -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=hour)


def test_the_five_questions_of_a_moderator_are_three_clicks_from_the_overview(
    start: Started, ledger: LedgerScenario
) -> None:
    ledger.given(joined(EVE, today(81)), joined(GONE, today(81)))
    append(ledger, role_added(GONE, ORACLE, today(80), by=EVE), granted_by=EVE, reason="helped")
    append(ledger, role_removed(GONE, ORACLE, today(5)), by=EVE)
    append(ledger, role_added(EVE, ORACLE, today(4), by=ADA), granted_by=ADA)
    ledger.catch_up()
    visitor = start(TEMPLE_TIER_ROLES="Gold=Oracle").signed_in()
    overview = visitor.get("/")
    # who gave Ada this role, when, why, and did it come from Patreon
    member = visitor.get(overview.link("Ada Lovelace")).words
    assert "Oracle since 1 Jan 2026, 06:00 by Patreon" in member
    # who lost Oracle since yesterday
    role = visitor.get(overview.link("Oracle"))
    lost = visitor.get(role.link("in a day")).words
    assert "1 member gained it EEve" in lost
    assert f"1 member lost it ?{GONE}" in lost
    # what did this member hold on 3 January
    then = visitor.get(f"{overview.link('Ada Lovelace')}?as_of=2026-01-03").words
    assert "1 role" in then
    # who has the role without paying
    patreon = visitor.get(overview.link("Patreon")).words
    assert "Has the role without paying1" in patreon
    assert "Eve" in patreon.partition("Has the role without paying")[2]
    # what did moderator Eve do this week
    eve = visitor.get(overview.link("Eve"))
    did = visitor.get(eve.link("what they did")).words
    assert f"Eve removed Oracle from {GONE}" in did.replace(" bot", "")
    assert PATREON not in did
