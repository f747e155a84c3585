"""Actions: what the page lists is done, to nobody else, by somebody who may, and the journal says who and why."""

import re
import socket
import threading
from collections.abc import Mapping, Sequence

import pytest

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.operating.action import Asking, Outcome
from temple_ledger.infrastructure.operating.jobs import Jobs
from temple_ledger.infrastructure.operating.preview import PREVIEW_SECONDS, Previews
from temple_ledger.infrastructure.operating.replaying import forget_replay, preview_replay
from temple_ledger.infrastructure.operating.wire import Actions, answer, serve
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.pages.actions import FORMS
from temple_ledger.infrastructure.web.rights import Right
from temple_ledger.projections.members import members
from temple_ledger.projections.registry import catalogue
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.queries.builders import unfoldable
from tests.web.conftest import ADA, BOB, EVE, ORACLE, SEER, Answer, ConsoleAtWork, Started, Visitor
from tests.web.test_accounts import Server, fields_of, there
from tests.web.test_rights import everything
from tests.web.test_sign_in import as_owner, token_of

__all__ = ["there"]

WHY = "to look at <b>it</b>"
JOURNAL = "select kind, projection, performed_by, login, reason from ledger_operation order by id"
LOGIN = "temple_console_actions"


@pytest.fixture
def console(start: Started) -> ConsoleAtWork:
    return start(allow_actions=True)


def act(visitor: Visitor, path: str, reason: str = WHY, **typed: str) -> Answer:
    """Opens the page, fills in its form, sends it, and waits for how it went."""
    page = visitor.get(f"/actions/{path}")
    assert page.status == 200, page.words
    return ended(visitor, sent(visitor, page, reason, **typed))


def sent(visitor: Visitor, page: Answer, reason: str = WHY, **typed: str) -> Answer:
    """The form of a page, as a browser sends it."""
    form = page.text[page.text.index('<form class="confirm"') :]
    action = re.search(r'action="([^"]+)"', form)
    assert action is not None
    part = Answer(page.status, page.headers, form.encode())
    return visitor.post(action[1], {**fields_of(part), "reason": reason, **typed})


def ended(visitor: Visitor, answer: Answer) -> Answer:
    assert answer.status == 303, answer.words
    while "It is being done" in (page := visitor.follow(answer)).words:
        assert page.headers["refresh"] == "2"
    assert "refresh" not in page.headers
    return page


def journal(database: Database) -> list[tuple[object, ...]]:
    return as_owner(database, JOURNAL)


def test_a_projection_is_paused_and_resumed_with_a_reason(
    console: ConsoleAtWork, ledger: LedgerScenario, database: Database
) -> None:
    visitor = console.signed_in()
    page = visitor.get("/projections/members").words
    assert "Pause" in page
    assert "activity is paused, at position" in act(visitor, "pause?projection=activity").words
    assert "was paused already" in act(visitor, "pause?projection=activity").words
    assert as_owner(database, "select state, reason from projection_checkpoint where projection = 'activity'") == [
        ("paused", WHY)
    ]
    assert "It stands still. Why: to look at <b>it</b>" in visitor.get("/actions/resume?projection=activity").words
    assert "activity goes on" in act(visitor, "resume?projection=activity", "it was looked at").words
    assert journal(database) == [
        ("pause", "activity", "local:tester", LOGIN, WHY),
        ("pause", "activity", "local:tester", LOGIN, WHY),
        ("resume", "activity", "local:tester", LOGIN, "it was looked at"),
    ]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2_001])
def test_without_a_reason_nothing_is_done(
    console: ConsoleAtWork, ledger: LedgerScenario, database: Database, reason: str
) -> None:
    page = act(console.signed_in(), "pause?projection=members", reason)
    assert "Nothing was changed: write why" in page.words
    assert journal(database) == []


def test_parked_members_are_folded_again_once_somebody_has_typed_how_many(
    console: ConsoleAtWork, ledger: LedgerScenario, database: Database
) -> None:
    unfoldable(database, EVE, at(9))
    ledger.catch_up()
    visitor = console.signed_in()
    page = visitor.get("/actions/retry?projection=members")
    assert "2 people would be folded again" in page.words
    assert ("Bob" in page.words, "Eve" in page.words) == (True, True)
    for typed in ("", "1", "3", "2x"):
        refused = ended(visitor, sent(visitor, page, number=typed))
        assert "this concerns 2 people; type 2 to go on" in refused.words
    assert journal(database) == []
    assert "stays parked" in ended(visitor, sent(visitor, page, number="2")).words
    assert journal(database) == [("retry", "members", "local:tester", LOGIN, WHY)]


def test_only_what_the_page_listed_is_done(console: ConsoleAtWork, ledger: LedgerScenario, database: Database) -> None:
    visitor = console.signed_in()
    page = visitor.get("/actions/retry?projection=members")
    unfoldable(database, EVE, at(9))
    ledger.catch_up()
    assert "stays parked" in ended(visitor, sent(visitor, page)).words
    [(details,)] = as_owner(database, "select details ->> 'members' from ledger_operation")
    assert (BOB in str(details), EVE in str(details)) == (True, False)


def test_an_event_is_skipped_for_good_and_cannot_be_skipped_twice(
    console: ConsoleAtWork, ledger: LedgerScenario, database: Database
) -> None:
    [(position,)] = as_owner(database, "select position from projection_failure where projection = 'members'")
    visitor = console.signed_in()
    page = visitor.get(f"/actions/skip?projection=members&position={position}")
    assert "leave this event out for good" in page.words
    assert "members: 1 parked no more" in ended(visitor, sent(visitor, page)).words
    assert "not all of these are parked any more" in ended(visitor, sent(visitor, page)).words
    assert visitor.get(f"/actions/skip?projection=members&position={position}").status == 404
    assert journal(database) == [("skip", "members", "local:tester", LOGIN, WHY)]


DELIVERIES = (
    "insert into inbox (source, kind, received_at, digest, body, last_received_at, state)"
    " select 'patreon', 'x', now(), sha256(number::text::bytea), '{}', now(), 'failed'"
    " from generate_series(1, 3) as number"
)


def test_deliveries_are_translated_again_or_ignored_as_they_are_listed(
    console: ConsoleAtWork, database: Database
) -> None:
    as_owner(database, DELIVERIES)
    visitor = console.signed_in()
    assert "1 delivery set aside" in act(visitor, "inbox-ignore?delivery=1").words
    assert "this concerns 2 deliveries" in act(visitor, "inbox-retry?state=failed").words
    assert "2 deliveries waiting again" in act(visitor, "inbox-retry?state=failed", number="2").words
    assert visitor.get("/actions/inbox-ignore?delivery=2").status == 404
    assert as_owner(database, "select state from inbox order by id") == [("set_aside",), ("waiting",), ("waiting",)]
    assert [each[0] for each in journal(database)] == ["inbox ignore", "inbox retry"]


def drift(database: Database) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("delete from discord_user_current_roles where user_id = %s", [ADA])
        connection.execute("update temple_member_status set patreon_tier = 'Lead' where user_id = %s", [ADA])


def tables(database: Database) -> list[tuple[object, ...]]:
    return as_owner(database, "select user_id, role from discord_user_current_roles order by 1, 2")


@pytest.mark.parametrize(
    ("action", "line", "done"),
    [
        ("repair", "1 member changes patreon_tier from Lead to Gold", "1 put right"),
        ("replay", "1 member gains Oracle", "members: in place, at position"),
    ],
)
def test_what_differs_is_shown_in_people_before_it_is_put_right(
    console: ConsoleAtWork, ledger: LedgerScenario, database: Database, action: str, line: str, done: str
) -> None:
    before = tables(database)
    drift(database)
    visitor = console.signed_in()
    preview = act(visitor, f"{action}-preview?projection=members")
    assert "1 member would be changed. Nothing has been changed yet." in preview.words
    assert (line in preview.words, "Ada Lovelace" in preview.words) == (True, True)
    assert tables(database) != before
    assert done in ended(visitor, sent(visitor, preview)).words
    assert tables(database) == before
    assert journal(database)[-1] == (action, "members", "local:tester", LOGIN, WHY)
    assert "This preview is gone" in ended(visitor, sent(visitor, preview)).words


def test_where_nothing_differs_there_is_nothing_to_put_right(console: ConsoleAtWork, ledger: LedgerScenario) -> None:
    visitor = console.signed_in()
    assert "Nothing differs" in act(visitor, "replay-preview?projection=members").words
    assert "The tables agree with the log" in act(visitor, "repair-preview?projection=members").words


def test_a_replay_is_put_in_place_as_it_was_shown_or_not_at_all(
    console: ConsoleAtWork, ledger: LedgerScenario, database: Database
) -> None:
    drift(database)
    visitor = console.signed_in()
    preview = act(visitor, "replay-preview?projection=members")
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("update temple_member_status set patreon_tier = 'Tin' where user_id = %s", [BOB])
    refused = ended(visitor, sent(visitor, preview))
    assert "1 member of members would not be changed as it was shown" in refused.words
    assert journal(database) == []
    again = act(visitor, "replay-preview?projection=members")
    assert "members: in place" in ended(visitor, sent(visitor, again, number="2")).words


def test_who_has_newer_events_since_the_preview_is_folded_again(
    console: ConsoleAtWork, ledger: LedgerScenario, database: Database
) -> None:
    drift(database)
    visitor = console.signed_in()
    preview = act(visitor, "replay-preview?projection=members")
    ledger.given(role_added(ADA, SEER, at(20), by=EVE), joined("500000000000000009", at(21)))
    ledger.catch_up()
    assert "members: in place" in ended(visitor, sent(visitor, preview)).words
    assert {(ADA, ORACLE), (ADA, SEER)} <= set(tables(database))
    ledger.then_verified()


def test_a_replay_from_elsewhere_takes_over_a_preview_that_waits(
    console: ConsoleAtWork, ledger: LedgerScenario, database: Database
) -> None:
    drift(database)
    visitor = console.signed_in()
    preview = act(visitor, "replay-preview?projection=members")
    rebuild(database, members, by="somebody else", catalogue=catalogue())
    assert "Another replay of members has taken over" in ended(visitor, sent(visitor, preview)).words


@pytest.mark.parametrize(
    ("path", "details"),
    [
        (f"ask-owner?what=erase&member={ADA}", {"action": "erase", "arguments": {"member": ADA}}),
        ("ask-owner?what=trigger-enable", {"action": "trigger-enable", "arguments": {}}),
    ],
)
def test_what_needs_the_owner_is_asked_for_and_not_done(
    console: ConsoleAtWork, ledger: LedgerScenario, database: Database, path: str, details: Mapping[str, object]
) -> None:
    before = as_owner(database, f"select count(*) from webhook_audit_log where user_id = '{ADA}'")
    visitor = console.signed_in()
    assert "Asked for, as 1 in the journal" in act(visitor, path).words
    assert f"request · {details['action']}" in visitor.get("/operations").words
    [(kind, found, login)] = as_owner(database, "select kind, details, login from ledger_operation")
    assert (kind, login) == ("request", LOGIN)
    assert isinstance(found, dict)
    assert {name: found[name] for name in details} == details
    assert as_owner(database, f"select count(*) from webhook_audit_log where user_id = '{ADA}'") == before


def test_nobody_acts_who_may_not_and_no_form_from_elsewhere_acts(
    start: Started, ledger: LedgerScenario, database: Database
) -> None:
    console = start(allow_actions=True)
    operator, reader = console.signed_in(), console.signed_in(Right.READ)
    token, other = token_of(operator.get("/")), token_of(reader.get("/"))
    fields = {"projection": "members", "reason": WHY}
    before = everything(database)
    for name in (*FORMS, "repair", "replay", "drop"):
        path = f"/actions/{name}"
        assert console.visitor().post(path, {**fields, "token": token}).status == 303  # to sign in
        assert reader.post(path, {**fields, "token": other}).status == 403
        assert operator.post(path, {**fields, "token": other}).status == 403
        assert operator.post(path, fields).status == 403
        for origin in (None, "null", "https://evil.example.org"):
            assert operator.post(path, {**fields, "token": token}, origin=origin).status == 403
        for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x", ""):
            headers = {"Origin": console.url, "Content-Type": kind}
            assert operator.ask("POST", path, f"token={token}&projection=members&reason=x", **headers).status == 415
        for method in ("PUT", "DELETE", "PATCH"):
            assert operator.ask(method, path, Origin=console.url).status == 405
    assert everything(database) == before


def test_a_console_that_allows_no_actions_has_none(start: Started, ledger: LedgerScenario, database: Database) -> None:
    visitor = start().signed_in()
    assert "/actions/" not in visitor.get("/projections").text
    assert visitor.get("/actions/pause?projection=members").status == 409
    refused = visitor.post(
        "/actions/pause", {"token": token_of(visitor.get("/")), "projection": "members", "reason": WHY}
    )
    assert (refused.status, "without --allow-actions" in refused.words) == (409, True)
    assert journal(database) == []


def test_whoever_has_only_read_sees_no_action(console: ConsoleAtWork, ledger: LedgerScenario) -> None:
    reader = console.signed_in(Right.READ)
    for path in ("/projections", "/projections/members", "/inbox?state=failed", f"/members/{ADA}"):
        assert "/actions/" not in reader.get(path).text


def test_a_role_that_was_taken_between_page_and_action_is_missed(
    consoles: object, there: Server, ledger: LedgerScenario, database: Database
) -> None:
    visitor = there.signed_in(there.moderator)
    token = token_of(visitor.get("/"))
    there.fake.guild.members[there.moderator].roles.discard(there.moderators)
    sent = visitor.post("/actions/pause", {"token": token, "projection": "members", "reason": WHY})
    assert (sent.status, journal(database)) == (403, [])


def test_a_preview_that_nobody_applies_is_cleared_up_after_a_quarter_of_an_hour(
    ledger: LedgerScenario, database: Database
) -> None:
    drift(database)
    seconds = [0.0]
    previews = Previews(lambda each: forget_replay(database, each), clock=lambda: seconds[0])
    preview = preview_replay(database, "members")
    assert preview is not None
    previews.add(preview)
    seconds[0] = PREVIEW_SECONDS - 1
    previews.forget_old()
    assert previews.find(preview.id, "replay") == preview
    with pytest.raises(Refused, match="this preview is gone"):
        previews.find(preview.id, "repair")
    seconds[0] = PREVIEW_SECONDS
    previews.forget_old()
    with pytest.raises(Refused, match="this preview is gone"):
        previews.find(preview.id, "replay")
    assert as_owner(database, "select count(*) from projection_rebuild") == [(0,)]


JUNK: Sequence[Mapping[str, object]] = (
    {},
    {"begin": "pause"},
    {"begin": "pause", "arguments": [1], "by": "x"},
    {"begin": "pause", "arguments": {}, "by": "x", "number": "many"},
    {"job": "x"},
)


def test_what_is_no_action_is_refused(console: ConsoleAtWork) -> None:
    visitor = console.signed_in()
    sent = visitor.post("/actions/drop%20table", {"token": token_of(visitor.get("/")), "reason": WHY})
    assert "No action 'drop table'" in ended(visitor, sent).words
    assert visitor.get("/actions/jobs/x").status == 404
    jobs = Jobs(lambda asking: Outcome())
    assert all("refused" in answer(jobs, each) for each in JUNK)


def test_what_carries_actions_out_is_started_again_where_it_ended() -> None:
    ends: list[socket.socket] = []

    def start() -> socket.socket:
        ours, theirs = socket.socketpair()
        ends.append(theirs)
        threading.Thread(target=serve, args=(theirs, Jobs(lambda asking: Outcome())), daemon=True).start()
        return ours

    actions = Actions(start)
    asking = Asking("x", {}, "local:x")
    assert actions.begin(asking)["by"] == "local:x"
    ends[0].shutdown(socket.SHUT_RDWR)
    with pytest.raises(Refused, match="has ended; look in the journal"):
        actions.begin(asking)
    assert actions.begin(asking)["action"] == "x"
    actions.close()
