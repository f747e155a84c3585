"""A ledger in which nothing happened yet: every page is there, and says what it will have."""

import pytest

from temple_ledger.infrastructure.web.rights import Right
from tests.web.conftest import ConsoleAtWork, Started, Visitor

EMPTY = {
    "/": "What happens on Discord and Patreon is here as it comes in",
    "/members": "Whoever joins, gets a role or pays is here from then on",
    "/roles": "A role is here once it was made on Discord",
    "/events": "What happens on Discord and Patreon is here as it comes in",
    "/projections": "Nothing. Every event is in the tables",
    "/projections/members": "Nothing was folded yet",
    "/verify": "Nothing was verified yet",
    "/patreon": "No token was refreshed yet",
    "/inbox": "What platforms send is here, once their webhooks are set up",
    "/operations": "a pause, a repair or a replay would be here",
    "/admin": "Temple Ledger",
}


@pytest.mark.parametrize("right", [Right.READ, Right.OPERATE])
def test_each_page_says_what_will_be_there(console: ConsoleAtWork, right: Right) -> None:
    visitor = console.signed_in(Right.READ, right)
    for path, words in EMPTY.items():
        page = visitor.get(path)
        assert (page.status, words in page.words) == (200, True), (path, page.words)
    assert ("temple events import" in visitor.get("/events").words) == (right is Right.OPERATE)


def test_settings_are_shown_as_people_write_them_and_those_set_here_first(start: Started) -> None:
    visitor: Visitor = start(TEMPLE_TIER_ROLES="Gold=Oracle,Silver=Seer", TEMPLE_SERVICES_AS_OWNER="false").signed_in()
    page = visitor.get("/admin")
    settings = {each["name"]: each["value"] for each in visitor.get("/admin?format=json").data}
    assert settings["tier_roles"] == "Gold: Oracle, Silver: Seer"
    assert (settings["services_as_owner"], settings["sinks"], settings["receive_host"]) == (
        "no",
        "not set",
        "127.0.0.1",
    )
    assert page.text.index("tier_roles") < page.text.index("<details>") < page.text.index("receive_host")


def test_whoever_may_only_read_is_shown_why_an_action_is_not_for_them(start: Started) -> None:
    reader = start(allow_actions=True).signed_in(Right.READ)
    page = reader.get("/actions/pause?projection=members")
    assert (page.status, "That is for whoever may operate, and you may read." in page.words) == (403, True)
