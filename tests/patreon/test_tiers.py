"""Tiers that were deleted, that nobody described, or whose long titles are alike."""

from typing import Any
from uuid import uuid4

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.events import MembershipStarted
from temple_ledger.domain.log_entry import entry_of_event
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from tests.fakes.patreon import FakePatreon
from tests.patreon.asking import Source
from tests.patreon.bodies import (
    ACOLYTE,
    DISCORD,
    FREE,
    OTHER_DISCORD,
    START,
    at,
    deleted_tier,
    member_document,
)
from tests.patreon.feed import Feed

STARTED = (DISCORD, "started", "Acolyte")
CHANGED = (DISCORD, "changed", "Oracle")
ENDED = (DISCORD, "ended", None)


# deleted while its patrons pay on


def test_a_deleted_tier_stays_while_the_amount_stays(feed: Feed) -> None:
    feed.update(ACOLYTE)
    for number in range(3):
        feed.hears("update", deleted_tier(ACOLYTE, charged=at(days=31 * number), noise=str(number)))
    feed.then_told([STARTED])


def test_nor_does_the_free_tier_beside_the_amount_take_it(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(FREE, entitled=1000, charged=at(days=31))
    feed.then_told([STARTED])


@pytest.mark.parametrize("status", ["declined_patron", "former_patron"])
def test_a_deleted_tier_stays_as_long_as_the_patron_is_entitled_to_the_amount(feed: Feed, status: str) -> None:
    feed.update(ACOLYTE)
    feed.hears("update", deleted_tier(ACOLYTE, status=status))
    assert feed.told()[-1].tier == "Acolyte"


def test_another_amount_is_a_pledge_without_a_tier(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.hears("update", deleted_tier(ACOLYTE, entitled=700))
    feed.then_told([STARTED, (DISCORD, "changed", None)])


def test_another_tier_after_a_deleted_one_is_a_change(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.hears("update", deleted_tier(ACOLYTE))
    feed.update(("9100001", "Oracle", 1000))
    feed.then_told([STARTED, CHANGED])


def test_the_end_of_a_membership_of_a_deleted_tier_is_an_end(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.hears("update", deleted_tier(ACOLYTE))
    feed.update(status="former_patron")
    feed.then_told([STARTED, ENDED])


def test_the_turn_of_a_billing_period_does_not_end_a_deleted_tier(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.hears("update", deleted_tier(ACOLYTE))
    feed.update(FREE, charge="Pending", charged=at(days=31))
    feed.hears("update", deleted_tier(ACOLYTE, charged=at(days=31)))
    feed.later(minutes=10)
    feed.hears("update", deleted_tier(ACOLYTE, charged=at(days=31), noise="again"))
    feed.then_told([STARTED])


def test_a_link_takes_a_deleted_tier_along(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.hears("update", deleted_tier(ACOLYTE, discord=OTHER_DISCORD))
    assert sorted(feed.told()[1:]) == [ENDED, (OTHER_DISCORD, "started", "Acolyte")]


def test_an_amount_without_a_tier_that_was_ever_listed_is_a_pledge_without_a_tier(feed: Feed) -> None:
    feed.hears("update", deleted_tier(ACOLYTE))
    feed.then_told([(DISCORD, "started", None)])


def test_a_snapshot_shows_a_deleted_tier_once_and_takes_nothing(feed: Feed, patreon: FakePatreon) -> None:
    source = Source(feed, patreon)
    feed.update(ACOLYTE)
    patreon.put(member_document(ACOLYTE))
    patreon.delete_tier(ACOLYTE[0])
    found = [(each["ours"], each["theirs"], each["events"]) for each in source.reconciles()]
    assert found == [("Acolyte", "Acolyte (tier deleted)", 0)]
    assert source.reconciles() == []
    feed.then_told([STARTED])


# named, and described by nobody


def test_where_somebody_can_be_asked_a_tier_that_nobody_described_is_asked_about(
    asking: Feed, patreon: FakePatreon
) -> None:
    source = Source(asking, patreon)
    patreon.put(member_document(ACOLYTE))
    asking.update(ACOLYTE, included=False)
    asking.then_told([])
    assert asking.outcomes()[-1] == ("translated", "to be asked: nobody described this tier")
    assert source.looks_again() == 1
    asking.translates()
    asking.then_told([STARTED])


def test_an_upgrade_to_a_tier_that_nobody_described_is_asked_about(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.update(("9100001", "Oracle", 2500), included=False, charged=at(days=1))
    asking.then_told([STARTED])
    asking.answers(("9100001", "Oracle", 2500), charged=at(days=1))
    asking.then_told([STARTED, CHANGED])


def test_without_an_answer_it_goes_by_its_id_in_the_end(asking: Feed) -> None:
    asking.update(ACOLYTE, included=False)
    asking.later(minutes=16)
    asking.translates()
    asking.then_told([(DISCORD, "started", ACOLYTE[0])])


def test_a_tier_that_patreon_itself_does_not_describe_goes_by_its_id(asking: Feed) -> None:
    asking.update(ACOLYTE, included=False)
    asking.answers(ACOLYTE, included=False)
    asking.update(ACOLYTE, included=False, charged=at(days=31))
    asking.then_told([(DISCORD, "started", ACOLYTE[0])])
    assert asking.outcomes()[-1] == ("translated", None)


def test_a_tier_that_is_known_needs_no_question(asking: Feed) -> None:
    asking.update(ACOLYTE, member="other", user="7", discord=OTHER_DISCORD)
    asking.update(ACOLYTE, included=False)
    asking.then_told([(OTHER_DISCORD, "started", "Acolyte"), STARTED])


# titles

LONG = "The Most Honourable Order of the Keepers of the Temple"


def titled(*titles: str) -> list[tuple[str, str, int]]:
    return [(str(9200000 + number), title, 1000 + number) for number, title in enumerate(titles)]


def test_titles_that_agree_in_fifty_characters_stay_two_tiers(feed: Feed) -> None:
    first, second = titled(f"{LONG}, first class", f"{LONG}, second class")
    feed.update(first)
    feed.update(second)
    assert [each.tier for each in feed.told()] == [
        "The Most Honourable Order of the Keeper… (9200000)",
        "The Most Honourable Order of the Keeper… (9200001)",
    ]


@pytest.mark.parametrize("title", ["T" * 50, "Ü" * 50, "Novice"])
def test_a_title_that_fits_is_shown_as_it_is(feed: Feed, title: str) -> None:
    (tier,) = titled(title)
    feed.update(tier)
    feed.then_told([(DISCORD, "started", title)])


def test_ids_of_any_length_tell_long_titles_apart(feed: Feed) -> None:
    tiers: list[Any] = [(f"{'9' * 59}{number}", LONG, 1000 + number) for number in (1, 2)]
    for tier in tiers:
        feed.update(tier)
    before, after = (each.tier for each in feed.told())
    assert before != after
    assert len(before or "") <= 50


def test_who_was_told_a_title_that_somebody_else_has_cut_is_told_nothing_new(feed: Feed, patreon: FakePatreon) -> None:
    (tier,) = titled(f"{LONG}, first class")
    ledger = LedgerScenario(feed.database)
    started = MembershipStarted(user_id=DISCORD, occurred_at=START, source="patreon", tier=LONG[:50])
    ledger.append([entry_of_event(started, event_id=uuid4(), catalogue=CATALOGUE)])
    feed.update(tier)
    feed.then_told([(DISCORD, "started", LONG[:50])])
