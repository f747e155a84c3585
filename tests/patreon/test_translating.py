"""Which events a membership's deliveries come to: each test is a rule of docs/patreon.md."""

import json
from typing import Any

import pytest

from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.sources.patreon.translator import GONE, asked_details
from tests.patreon.bodies import (
    ACOLYTE,
    DISCORD,
    FREE,
    IRIS,
    MEMBER,
    NOVICE,
    ORACLE,
    OTHER,
    OTHER_DISCORD,
    OTHER_MEMBER,
    TEST_BODY,
    at,
    member_document,
)
from tests.patreon.feed import Feed

STARTED = (DISCORD, "started", "Acolyte")


def test_a_pledge_starts_a_membership(feed: Feed) -> None:
    feed.hears("pledge:create", member_document(ACOLYTE, charge="Pending", lifetime=0))
    feed.then_told([STARTED])


def test_twin_triggers_are_one_change(feed: Feed) -> None:
    feed.hears("pledge:create", member_document(ACOLYTE))
    feed.hears("update", member_document(ACOLYTE, noise="another signed image address"))
    feed.then_told([STARTED])


def test_what_happens_between_two_charges_without_a_difference_is_no_event(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(ACOLYTE, charged=at(days=31), lifetime=2000)
    feed.then_told([STARTED])


def test_the_event_is_dated_when_the_delivery_was_received(feed: Feed) -> None:
    feed.update(ACOLYTE)
    assert feed.times() == [feed.now]


def test_times_of_one_member_never_go_back(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.later(days=-1)
    feed.update(ORACLE, charged=at(days=1))
    first, second = feed.times()
    assert first == second


def test_the_free_tier_is_no_paid_tier(feed: Feed) -> None:
    feed.update(FREE, status=None, charge=None, charged=None, pledged=None, lifetime=0)
    feed.then_told([])


def test_of_two_tiers_at_once_the_dearer_counts(feed: Feed) -> None:
    feed.update(NOVICE, ACOLYTE)
    feed.then_told([STARTED])


def test_an_upgrade_changes_the_tier(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.hears("pledge:update", member_document(ORACLE, ACOLYTE))
    feed.update(ORACLE)
    feed.then_told([STARTED, (DISCORD, "changed", "Oracle")])


def test_a_downgrade_changes_the_tier(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.hears("pledge:update", member_document(NOVICE))
    feed.then_told([STARTED, (DISCORD, "changed", "Novice")])


def test_a_tier_with_another_title_is_the_same_tier(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update((ACOLYTE[0], "Akolyth", 1200))
    feed.then_told([STARTED])


def test_a_toggle_is_told_each_time(feed: Feed) -> None:
    for number, tier in enumerate((ACOLYTE, ORACLE, ACOLYTE, ORACLE)):
        feed.update(tier, noise=str(number))
    assert [each.tier for each in feed.told()] == ["Acolyte", "Oracle", "Acolyte", "Oracle"]


def test_a_body_without_tiers_says_nothing_about_tiers(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(status="former_patron", without=("currently_entitled_tiers", "currently_entitled_amount_cents"))
    feed.then_told([STARTED])


def test_an_empty_list_of_tiers_says_that_there_are_none(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(status="former_patron")
    feed.then_told([STARTED, (DISCORD, "ended", None)])


def test_a_tier_that_is_only_named_is_known_from_before(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(ORACLE, member=OTHER_MEMBER, user=OTHER, discord=OTHER_DISCORD)
    feed.update(ORACLE, included=False, charged=at(days=1))
    assert feed.told()[-1] == (DISCORD, "changed", "Oracle")


def test_a_tier_that_nobody_described_goes_by_its_id(feed: Feed) -> None:
    feed.update(ACOLYTE, included=False)
    feed.then_told([(DISCORD, "started", ACOLYTE[0])])


def test_a_long_title_is_cut_to_what_the_tables_hold(feed: Feed) -> None:
    feed.update(("9100009", "T" * 80, 100))
    feed.then_told([(DISCORD, "started", "T" * 39 + "… (9100009)")])


def test_a_pledge_without_a_tier_is_a_membership_without_a_tier(feed: Feed) -> None:
    feed.update(entitled=700)
    feed.then_told([(DISCORD, "started", None)])


# cancelling, declines, refunds


def test_cancelling_within_a_paid_period_changes_nothing(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.hears("pledge:delete", member_document(ACOLYTE, will_pay=0, next_charge=at(days=31)))
    feed.then_told([STARTED])


def test_cancelling_at_once_former_and_still_entitled_changes_nothing(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.hears("pledge:delete", member_document(ACOLYTE, status="former_patron", will_pay=0))
    feed.then_told([STARTED])


def test_the_end_of_the_period_ends_the_membership(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.hears("pledge:delete", member_document(ACOLYTE, will_pay=0))
    feed.update(status="former_patron", will_pay=0)
    feed.then_told([STARTED, (DISCORD, "ended", None)])


def test_a_decline_comes_by_an_update_and_keeps_the_tier_of_grace(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(ACOLYTE, status="declined_patron", charge="Declined", charged=at(days=31))
    feed.then_told([STARTED, (DISCORD, "declined", "Acolyte")])
    assert feed.metadata()[-1]["charge_status"] == "Declined"


def test_a_decline_without_grace_takes_the_tier_at_once(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(status="declined_patron", charge="Declined", charged=at(days=31))
    feed.then_told([STARTED, (DISCORD, "declined", None)])


def test_grace_that_runs_out_is_a_change_and_not_another_decline(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(ACOLYTE, status="declined_patron", charge="Declined", charged=at(days=31))
    feed.update(status="declined_patron", charge="Declined", charged=at(days=34))
    assert feed.told()[-1] == (DISCORD, "changed", None)


def test_a_charge_that_succeeds_after_a_decline_is_a_change(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(status="declined_patron", charge="Declined", charged=at(days=31))
    feed.update(ACOLYTE, charged=at(days=34), lifetime=2000)
    assert [each.action for each in feed.told()] == ["started", "declined", "changed"]


def test_a_patron_who_gives_up_after_a_decline_has_ended(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(status="declined_patron", charge="Declined", charged=at(days=31))
    feed.update(status="former_patron", charge="Declined", charged=at(days=31))
    assert [each.action for each in feed.told()] == ["started", "declined", "ended"]


@pytest.mark.parametrize("charge", ["Refunded", "Refunded by Patreon", "Fraud"])
def test_a_charge_that_is_taken_back_ends_the_membership(feed: Feed, charge: str) -> None:
    feed.update(ACOLYTE)
    feed.update(status="former_patron", charge=charge, lifetime=0)
    feed.then_told([STARTED, (DISCORD, "ended", None)])
    assert feed.metadata()[-1]["charge_status"] == charge


def test_a_partial_refund_leaves_what_is_still_entitled(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(ACOLYTE, charge="Partially Refunded", lifetime=400)
    feed.then_told([STARTED])
    assert feed.outcomes()[-1] == ("translated", None)


def test_a_gift_counts_without_a_charge(feed: Feed) -> None:
    feed.update(ACOLYTE, status=None, charge=None, charged=None, lifetime=0)
    feed.then_told([STARTED])


# the turn of a billing period


def test_an_active_patron_does_not_lose_the_tier_by_one_body(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(FREE, charge="Pending", charged=at(days=31))
    feed.then_told([STARTED])
    assert feed.outcomes()[-1] == ("translated", "an active patron without a paid tier: to be looked at again")


def test_nor_by_two_within_minutes(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(FREE, charge="Pending", charged=at(days=31))
    feed.update(charge="Pending", charged=at(days=31))
    feed.then_told([STARTED])


def test_a_body_with_the_tier_ends_the_doubt(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(FREE, charge="Pending", charged=at(days=31))
    feed.update(ACOLYTE, charge="Pending", charged=at(days=31))
    feed.later(minutes=10)
    feed.update(FREE, charge="Pending", charged=at(days=31), noise="the next turn")
    feed.then_told([STARTED])


def test_a_loss_that_is_still_said_after_the_delay_is_one(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(FREE, charge="Pending", charged=at(days=31))
    feed.later(minutes=6)
    feed.update(FREE, charge="Paid", charged=at(days=31), lifetime=1000)
    feed.then_told([STARTED, (DISCORD, "ended", None)])


def test_a_loss_with_another_status_is_one_at_once(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(FREE, charge="Pending", charged=at(days=31))
    feed.update(FREE, status="former_patron", charge="Pending", charged=at(days=31))
    feed.then_told([STARTED, (DISCORD, "ended", None)])


def test_a_doubted_body_moves_no_link_either(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(FREE, charge="Pending", charged=at(days=31), discord=OTHER_DISCORD)
    feed.then_told([STARTED])


def test_what_a_doubted_body_says_of_charges_shows_the_age_of_others(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(FREE, charge="Pending", charged=at(days=31))
    feed.update(ORACLE, charged=at(days=15))
    feed.then_told([STARTED])


# what is stale


@pytest.mark.parametrize(
    "older",
    [
        {"charged": at(days=-31)},
        {"pledged": at(days=-400)},
        {"charge": "Pending"},
        {"charged": None, "charge": None},
    ],
)
def test_where_nobody_can_be_asked_an_older_charge_or_pledge_is_stale(feed: Feed, older: dict[str, Any]) -> None:
    feed.update(ACOLYTE)
    feed.update(NOVICE, **older)
    feed.then_told([STARTED])
    assert feed.outcomes()[-1] == ("set_aside", "stale: older than what is known")


def test_what_was_paid_before_it_was_taken_back_is_stale(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(status="former_patron", charge="Refunded", lifetime=0)
    feed.update(ACOLYTE, noise="a retry of the first")
    feed.then_told([STARTED, (DISCORD, "ended", None)])


def test_a_refund_that_nobody_told_of_does_not_make_a_new_charge_stale(feed: Feed) -> None:
    feed.update(ACOLYTE, lifetime=3000)
    feed.update(ORACLE, charged=at(days=5), lifetime=2500)
    assert feed.told()[-1] == (DISCORD, "changed", "Oracle")


def test_a_new_charge_after_a_refund_is_not_stale(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(status="former_patron", charge="Refunded", lifetime=0)
    feed.update(ACOLYTE, charged=at(days=5))
    assert [each.action for each in feed.told()] == ["started", "ended", "started"]


# deletions


def test_a_deleted_membership_that_was_never_paid_tells_nothing(feed: Feed) -> None:
    nothing: dict[str, Any] = {"status": None, "charge": None, "charged": None, "pledged": None, "lifetime": 0}
    feed.hears("create", member_document(FREE, **nothing))
    feed.hears("delete", member_document(**nothing))
    feed.then_told([])


def test_the_deletion_of_a_pledge_that_was_never_charged_ends_it(feed: Feed) -> None:
    feed.hears("pledge:create", member_document(ACOLYTE, charge=None, charged=None, lifetime=0))
    feed.hears("delete", member_document(status=None, charge=None, charged=None, lifetime=0))
    feed.then_told([STARTED, (DISCORD, "ended", None)])


def test_a_captured_body_sent_again_as_a_deletion_takes_nothing(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.hears("delete", member_document(ACOLYTE))
    feed.hears("delete", member_document(FREE, charge="Pending", charged=at(days=31)))
    feed.then_told([STARTED])
    assert [state for state, _ in feed.outcomes()] == ["translated", "set_aside", "set_aside"]


def test_a_membership_that_comes_again_after_its_deletion_starts_again(feed: Feed) -> None:
    never: dict[str, Any] = {"charge": None, "charged": None, "lifetime": 0}
    feed.hears("pledge:create", member_document(ACOLYTE, **never))
    feed.hears("delete", member_document(status=None, **never))
    feed.hears("create", member_document(ACOLYTE, noise="again", **never))
    assert [each.action for each in feed.told()] == ["started", "ended", "started"]


# Discord


def test_a_patron_without_a_discord_account_is_a_member_of_another_name(feed: Feed) -> None:
    feed.update(ACOLYTE, discord=None)
    feed.then_told([(f"patreon:{IRIS}", "started", "Acolyte")])


def test_linking_ends_there_and_starts_here(feed: Feed) -> None:
    feed.update(ACOLYTE, discord=None)
    feed.update(ACOLYTE)
    assert sorted(feed.told()[1:]) == [STARTED, (f"patreon:{IRIS}", "ended", None)]


def test_unlinking_goes_back(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(ACOLYTE, discord=None)
    assert sorted(feed.told()[1:]) == [(DISCORD, "ended", None), (f"patreon:{IRIS}", "started", "Acolyte")]


def test_another_account_takes_the_membership_over(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(ACOLYTE, discord=OTHER_DISCORD)
    assert sorted(feed.told()[1:]) == [(DISCORD, "ended", None), (OTHER_DISCORD, "started", "Acolyte")]


def test_a_body_that_says_nothing_of_discord_leaves_the_link(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(ORACLE, discord=object())
    feed.then_told([STARTED, (DISCORD, "changed", "Oracle")])


def test_of_two_accounts_of_one_person_the_better_tier_counts(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(ORACLE, member=OTHER_MEMBER, user=OTHER)
    feed.update(NOVICE)
    feed.update(member=OTHER_MEMBER, user=OTHER, status="former_patron")
    feed.then_told([STARTED, (DISCORD, "changed", "Oracle"), (DISCORD, "changed", "Novice")])


def test_a_link_is_of_the_account_and_so_of_all_its_memberships(feed: Feed) -> None:
    feed.update(NOVICE, discord=None)
    feed.update(ORACLE, discord=None, member=OTHER_MEMBER)
    feed.update(NOVICE)
    assert sorted(feed.told()[2:]) == [(DISCORD, "started", "Oracle"), (f"patreon:{IRIS}", "ended", None)]


def test_a_membership_never_goes_over_to_another_account(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(ACOLYTE, user=OTHER, discord=OTHER_DISCORD)
    feed.then_told([STARTED])
    assert feed.outcomes()[-1][0] == "set_aside"


# what says nothing of a membership


@pytest.mark.parametrize(
    ("trigger", "document", "state"),
    [
        ("pledge:create", TEST_BODY, "set_aside"),
        ("posts:publish", {"data": {"type": "post", "id": "1"}}, "set_aside"),
        ("pledges:create", {"data": {"type": "pledge", "id": "1"}}, "set_aside"),
        ("posts:publish", member_document(ACOLYTE), "set_aside"),
        ("update", member_document(ACOLYTE, without=("user",)), "set_aside"),
        ("update", {"data": {"type": "campaign", "id": "1"}}, "unparseable"),
        ("update", {"data": []}, "unparseable"),
        ("update", b"<html>no</html>", "unparseable"),
    ],
)
def test_what_describes_no_membership_is_kept_and_tells_nothing(
    feed: Feed, trigger: str, document: Any, state: str
) -> None:
    feed.hears(trigger, document)
    feed.then_told([])
    (found, note), *_ = feed.outcomes()
    assert (found, bool(note)) == (state, True)


def test_no_name_and_no_address_leaves_the_inbox(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(status="former_patron", noise="Iris Novák called", discord=None)
    with feed.database.connect(DatabaseRole.READ) as connection:
        tables = ("webhook_audit_log", "patreon_member", "patreon_link", "patreon_person", "patreon_tier")
        kept = [
            str(row)
            for table in tables
            for row in connection.execute(f"select to_jsonb(kept) from {table} as kept".encode())
        ]
        kept += [str(row) for row in connection.execute("select note, details from inbox")]
    assert len(kept) > len(tables)
    assert not [row for row in kept if "Iris" in row or "example.org" in row or "Novák" in row]


# where somebody can be asked


def test_a_change_that_nothing_shows_to_be_newer_is_asked_about(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.update(ORACLE)
    asking.then_told([STARTED])
    assert asking.outcomes()[-1] == ("translated", "to be asked: it may be an old one")
    asking.answers(ORACLE)
    asking.then_told([STARTED, (DISCORD, "changed", "Oracle")])


def test_an_old_body_that_was_asked_about_changes_nothing(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.update(NOVICE)
    asking.answers(ACOLYTE)
    asking.later(hours=1)
    asking.translates()
    asking.then_told([STARTED])


def test_what_shows_a_newer_charge_needs_no_question(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.update(ORACLE, charged=at(days=1))
    asking.then_told([STARTED, (DISCORD, "changed", "Oracle")])


def test_without_an_answer_the_order_of_arrival_counts_in_the_end(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.update(ORACLE)
    asking.later(minutes=14)
    asking.translates()
    asking.then_told([STARTED])
    asking.later(minutes=2)
    asking.translates()
    asking.then_told([STARTED, (DISCORD, "changed", "Oracle")])


def test_an_answer_that_is_older_than_the_doubt_does_not_settle_it(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.later(minutes=1)
    asking.update(ORACLE)
    asking.answers(ACOLYTE, ago=0.5)
    assert asking.outcomes()[-1] == ("set_aside", "something newer came while it was read")
    asking.answers(ORACLE)
    asking.then_told([STARTED, (DISCORD, "changed", "Oracle")])


def test_a_loss_that_is_read_again_after_the_delay_is_one(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.update(FREE, charge="Pending", charged=at(days=31))
    asking.answers(FREE, charge="Pending", charged=at(days=31))
    asking.then_told([STARTED])
    asking.later(minutes=6)
    asking.answers(FREE, charge="Paid", charged=at(days=31))
    asking.then_told([STARTED, (DISCORD, "ended", None)])


def test_where_somebody_asks_later_bodies_take_no_tier_until_nobody_answered_for_long(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.update(FREE, charge="Pending", charged=at(days=31))
    asking.later(minutes=10)
    asking.update(FREE, charge="Pending", charged=at(days=31), noise="again")
    asking.then_told([STARTED])
    asking.later(minutes=12)
    asking.update(FREE, charge="Pending", charged=at(days=31), noise="and again")
    asking.then_told([STARTED, (DISCORD, "ended", None)])


def test_a_membership_that_is_not_there_when_asked_has_ended(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.later(minutes=1)
    asking.hears(GONE, b"", **asked_details(asking.now, MEMBER))
    asking.then_told([STARTED, (DISCORD, "ended", None)])


def test_a_sender_can_not_pass_for_an_answer(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.hears(GONE, json.dumps({"member_id": MEMBER}).encode())
    asking.hears("read", member_document(FREE))
    asking.then_told([STARTED])
