"""`temple patreon …`, as typed."""

import json
import re
from datetime import timedelta
from functools import partial

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.sources.patreon.webhooks import stored_webhooks
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import joined, role_added
from tests.cli.conftest import Typed, environment, home, temple  # noqa: F401
from tests.fakes.patreon import FakePatreon
from tests.patreon.bodies import (
    ACOLYTE,
    DISCORD,
    NOVICE,
    OTHER,
    OTHER_DISCORD,
    OTHER_MEMBER,
    ROLES,
    START,
    deleted_tier,
    member_document,
)
from tests.patreon.feed import Feed
from tests.queries.builders import role_created

LONG_TITLE = "The Most Honourable Order of the Keepers of the Temple"
ACOLYTE_ROLE, NOVICE_ROLE = ROLES[ACOLYTE[0]][0], ROLES[NOVICE[0]][0]


@pytest.fixture
def typed(temple: Typed, patreon: FakePatreon) -> Typed:  # noqa: F811
    return partial(temple, "patreon", TEMPLE_PATREON_TOKEN="first", TEMPLE_PATREON_API_URL=patreon.url)


def test_a_snapshot_shows_and_then_applies(typed: Typed, patreon: FakePatreon, feed: Feed) -> None:
    patreon.put(member_document(ACOLYTE))
    shown = typed("snapshot")
    assert shown.code == 3
    assert "unknown to us" in shown.stdout
    assert "1 membership, 1 unknown to us" in shown.stdout
    assert "temple patreon snapshot --apply" in shown.stderr
    feed.then_told([])
    applied = typed("snapshot", "--apply", "--json")
    assert (applied.code, applied.data["appended"]) == (0, 1)
    feed.then_told([(DISCORD, "started", "Acolyte")])
    assert typed("snapshot").code == 0


def test_whoever_looks_on_sees_that_patreon_is_asked_again(
    typed: Typed, patreon: FakePatreon, database: Database
) -> None:
    patreon.fails(429, 429, retry_after=0)
    ended = typed("webhooks")
    assert ended.code == 0
    first, second, *_ = ended.stderr.splitlines()
    assert first == "Patreon gave answer 429; trying again in 0 s, 5 times more at most"
    assert second == "Patreon gave answer 429; trying again in 0 s, 4 times more at most"


def test_what_waits_is_translated_first(typed: Typed, patreon: FakePatreon, feed: Feed) -> None:
    patreon.put(member_document(ACOLYTE))
    feed.keeps("pledge:create", member_document(ACOLYTE))
    assert typed("snapshot", "--apply", "--json").data["found"] == []
    feed.then_told([(DISCORD, "started", "Acolyte")])


def test_a_snapshot_that_takes_much_is_refused_until_confirmed(typed: Typed, patreon: FakePatreon, feed: Feed) -> None:
    for number in range(3):
        feed.update(ACOLYTE, member=f"member-{number}", user=str(number + 1), discord=str(number + 100))
    refused = typed("snapshot", "--apply")
    assert (refused.code, len(feed.told())) == (5, 3)
    assert "--confirm" in refused.stderr
    assert typed("snapshot", "--apply", "--confirm").code == 0
    assert len(feed.told()) == 6


def test_an_incomplete_snapshot_is_applied_and_says_what_it_lacks(
    typed: Typed, patreon: FakePatreon, feed: Feed
) -> None:
    patreon.put(member_document(ACOLYTE))
    patreon.put(member_document(NOVICE, member=OTHER_MEMBER, user=OTHER, discord=OTHER_DISCORD))
    patreon.oddities.hides = 1
    ended = typed("snapshot", "--apply")
    assert ended.code == 3
    assert "unknown to us" in ended.stdout
    assert "1 event appended" in ended.stdout
    assert "not complete (Patreon says there are 2 members, and showed 1): nobody is taken to be gone" in ended.stderr
    assert len(feed.told()) == 1


def test_a_row_of_which_nothing_is_concluded_is_named(typed: Typed, patreon: FakePatreon) -> None:
    patreon.put(member_document(ACOLYTE))
    patreon.put(member_document(NOVICE, member=OTHER_MEMBER))
    patreon.close_account(OTHER_MEMBER)
    ended = typed("snapshot", "--apply")
    assert ended.code == 0
    assert "nothing is concluded of 1 new membership without an account" in ended.stderr


def test_without_a_token_it_is_a_sentence(temple: Typed) -> None:  # noqa: F811
    ended = temple("patreon", "snapshot")
    assert ended.code == 5
    assert "TEMPLE_PATREON_TOKEN" in ended.stderr


def test_patreon_that_does_not_take_the_token_is_a_sentence(typed: Typed, patreon: FakePatreon) -> None:
    patreon.tokens.clear()
    ended = typed("webhooks")
    assert ended.code == 4
    assert "first" not in ended.stderr


def test_a_paused_webhook_is_found_and_kept(typed: Typed, patreon: FakePatreon, database: Database) -> None:
    patreon.webhooks.append(
        {
            "type": "webhook",
            "id": "31",
            "attributes": {
                "uri": "https://ledger.example/hooks/patreon/main",
                "paused": True,
                "num_consecutive_times_failed": 7,
                "last_attempted_at": "2026-08-03T09:12:44.000+00:00",
                "triggers": ["members:update"],
                "secret": "not asked for",
            },
        }
    )
    ended = typed("webhooks", "--json")
    assert (ended.code, ended.data[0]["paused"], ended.data[0]["failures"]) == (3, True, 7)
    with database.connect(DatabaseRole.READ) as connection:
        assert [each.last_attempted_at for each in stored_webhooks(connection)] == [START]
    patreon.webhooks.clear()
    assert typed("webhooks").code == 0
    with database.connect(DatabaseRole.READ) as connection:
        assert stored_webhooks(connection) == []


def test_status_tells_of_a_paused_webhook_and_of_doubts_that_nobody_settles(
    typed: Typed,
    temple: Typed,  # noqa: F811
    patreon: FakePatreon,
    feed: Feed,
) -> None:
    patreon.webhooks.append({"type": "webhook", "id": "31", "attributes": {"paused": True}})
    typed("webhooks")
    feed.update(ACOLYTE)
    feed.update(charge="Pending", charged=START + timedelta(days=31))
    screen = temple("status")
    assert "Patreon's webhook 31 is paused" in screen.stdout
    assert "1 Patreon memberships are in doubt, and nobody asks Patreon" in screen.stdout
    assert temple("status", "--json").data["patreon"]["losses"] == 1


def test_status_counts_stale_deliveries(temple: Typed, feed: Feed) -> None:  # noqa: F811
    feed.update(ACOLYTE)
    assert "stale" not in temple("status").stdout
    feed.update(NOVICE, charged=START - timedelta(days=31))
    assert "patreon   1 stale delivery set aside, the last received 2026-08-03T09:12:46" in temple("status").stdout
    assert temple("status", "--json").data["patreon"]["stale"] == 1


# mismatches


@pytest.fixture
def community(feed: Feed) -> LedgerScenario:
    """DISCORD pays for Acolyte and has not its role; OTHER_DISCORD has it and pays for Novice."""
    ledger = LedgerScenario(feed.database)
    ledger.given(
        role_created(ACOLYTE_ROLE, "Temple Acolyte", START),
        role_created(NOVICE_ROLE, "Temple Novice", START),
        joined(DISCORD, START),
        joined(OTHER_DISCORD, START),
        role_added(OTHER_DISCORD, ACOLYTE_ROLE, START),
        role_added(OTHER_DISCORD, NOVICE_ROLE, START),
    )
    feed.update(ACOLYTE)
    feed.update(NOVICE, member=OTHER_MEMBER, user=OTHER, discord=OTHER_DISCORD)
    feed.update(NOVICE, member="not-here", user="3", discord="700000000000000001")
    feed.update(NOVICE, member="not-linked", user="4", discord=None)
    ledger.catch_up()
    return ledger


def test_mismatches_are_who_pays_without_the_role_and_who_holds_it_without_paying(
    temple: Typed,  # noqa: F811
    community: LedgerScenario,
) -> None:
    ended = temple("patreon", "mismatches", "--json")
    assert ended.code == 3
    assert [(each["mismatch"], each["user_id"], each["role_name"]) for each in ended.data] == [
        ("paid without role", DISCORD, "Temple Acolyte"),
        ("role without paid", OTHER_DISCORD, "Temple Acolyte"),
    ]
    assert "1 patron with a Discord account not seen in the guild" in ended.stderr


def test_mismatches_count_the_events_that_are_not_folded_yet(
    temple: Typed,  # noqa: F811
    community: LedgerScenario,
) -> None:
    assert "not folded yet" not in temple("patreon", "mismatches").stderr
    community.given(role_added(DISCORD, ACOLYTE_ROLE, START))
    assert "1 event not folded yet; run: temple run --until-caught-up" in temple("patreon", "mismatches").stderr


def test_a_role_that_everybody_holds_who_pays_has_no_mismatch(temple: Typed, community: LedgerScenario) -> None:  # noqa: F811
    assert temple("patreon", "mismatches", "--role", "Temple Novice").code == 0


def test_the_old_verb_does_the_same_and_says_what_it_is_called_now(
    temple: Typed,  # noqa: F811
    community: LedgerScenario,
) -> None:
    new, old = temple("patreon", "mismatches", "--json"), temple("drift", "--json")
    assert (old.code, old.stdout) == (new.code, new.stdout) != (0, "")
    assert old.stderr.splitlines()[0].startswith("temple: `temple drift` is now called `temple patreon mismatches`")
    assert temple("drift", "--role", "Temple Novice").code == 0
    assert "drift" not in re.findall(r"^  (\w+) ", temple("--help").stdout, re.MULTILINE)


@pytest.mark.parametrize("tier", ["Acolyte", ACOLYTE[0], "acolyte"])
def test_the_roles_of_the_settings_count_before_those_of_patreon(
    temple: Typed,  # noqa: F811
    community: LedgerScenario,
    tier: str,
) -> None:
    ended = temple("patreon", "mismatches", "--json", TEMPLE_TIER_ROLES=f"{tier}=Temple Novice")
    assert [(each["mismatch"], each["user_id"], each["role"]) for each in ended.data] == [
        ("paid without role", DISCORD, NOVICE_ROLE)
    ]


def test_a_role_that_nobody_knows_is_a_sentence(temple: Typed, community: LedgerScenario) -> None:  # noqa: F811
    ended = temple("patreon", "mismatches", TEMPLE_TIER_ROLES="Acolyte=Tempel Acolyte")
    assert ended.code == 1
    assert "did you mean Temple Acolyte" in ended.stderr


def test_without_any_role_of_a_tier_it_is_refused(temple: Typed, database: Database) -> None:  # noqa: F811
    assert temple("patreon", "mismatches").code == 5


def test_a_tier_that_has_no_role_is_named(temple: Typed, community: LedgerScenario, feed: Feed) -> None:  # noqa: F811
    feed.update(("9100009", "Patron Saint", 90_000), member="saint", user="9", discord="700000000000000009")
    community.catch_up()
    assert "no role is known for tier Patron Saint, which 1 member pay for" in temple("patreon", "mismatches").stderr


def test_who_pays_for_a_deleted_tier_is_named_and_does_not_hold_the_role_without_paying(
    temple: Typed,  # noqa: F811
    community: LedgerScenario,
    feed: Feed,
) -> None:
    feed.hears("update", deleted_tier(NOVICE, member=OTHER_MEMBER, user=OTHER, discord=OTHER_DISCORD))
    community.catch_up()
    listed = [(each["mismatch"], each["tier"], each["role"]) for each in temple("patreon", "mismatches", "--json").data]
    assert ("pays 500 cents, tier deleted", "Novice", None) in listed
    assert [each for each in listed if each[2] == NOVICE_ROLE] == []
    assert "pays 500 cents, tier deleted" in temple("patreon", "mismatches").stdout


def test_who_pays_without_a_tier_does_not_hold_the_role_without_paying(
    temple: Typed,  # noqa: F811
    community: LedgerScenario,
    feed: Feed,
) -> None:
    """Of a tier that was deleted before we heard of the patron, nobody can say which it was."""
    community.given(role_added("700000000000000008", NOVICE_ROLE, START))
    feed.hears("update", deleted_tier(NOVICE, member="late", user="8", discord="700000000000000008"))
    community.catch_up()
    listed = [(each["mismatch"], each["user_id"]) for each in temple("patreon", "mismatches", "--json").data]
    assert ("pays 500 cents, no tier", "700000000000000008") in listed
    assert ("role without paid", "700000000000000008") not in listed


@pytest.mark.parametrize(
    "named_by", ["9100012", "The Most Honourable Order of the Keepers of the Temple, second class"]
)
def test_tiers_whose_long_titles_agree_have_roles_of_their_own(
    temple: Typed,  # noqa: F811
    community: LedgerScenario,
    feed: Feed,
    named_by: str,
) -> None:
    for number, degree in ((1, "first"), (2, "second")):
        who = f"70000000000000001{number}"
        community.given(role_added(who, NOVICE_ROLE, START))
        feed.update((f"910001{number}", f"{LONG_TITLE}, {degree} class", 100), member=who, user=who, discord=who)
    community.catch_up()
    roles = json.dumps({"9100011": [ACOLYTE_ROLE], named_by: [NOVICE_ROLE]})
    listed = [
        (each["mismatch"], each["user_id"], each["role"])
        for each in temple("patreon", "mismatches", "--json", TEMPLE_TIER_ROLES=roles).data
    ]
    assert [each for each in listed if each[1] == "700000000000000012"] == []
    assert ("paid without role", "700000000000000011", ACOLYTE_ROLE) in listed
    assert ("role without paid", "700000000000000011", NOVICE_ROLE) in listed
