"""What a refund, a void, a chargeback or another currency makes of the fields that show a body's age.

A creator may refund any charge of the last 90 days: the sum falls, and date and status of the last charge stay. A
voided charge makes the one before it the last again. A campaign may change its currency, which changes every sum.
"""

from typing import Any

import pytest

from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.sources.patreon.health import patreon_health
from tests.patreon.bodies import ACOLYTE, DISCORD, NOVICE, ORACLE, at, member_document
from tests.patreon.feed import Feed

STARTED = (DISCORD, "started", "Acolyte")
CHANGED = (DISCORD, "changed", "Oracle")
ENDED = (DISCORD, "ended", None)


def stale(feed: Feed) -> int:
    with feed.database.connect(DatabaseRole.READ) as connection:
        return patreon_health(connection).stale


# where nobody can be asked


def test_after_an_older_charge_was_refunded_an_upgrade_and_the_end_are_accepted(feed: Feed) -> None:
    feed.hears("pledge:create", member_document(ACOLYTE, lifetime=2000))
    feed.hears("pledge:update", member_document(ORACLE, lifetime=1000))
    feed.update(status="former_patron", lifetime=1000)
    feed.then_told([STARTED, CHANGED, ENDED])
    assert stale(feed) == 0


@pytest.mark.parametrize("lifetime", [0, 1000, 10_000], ids=["refunded", "the same", "another currency"])
def test_a_sum_never_shows_a_body_to_be_older_or_newer(feed: Feed, lifetime: int) -> None:
    feed.update(ACOLYTE, lifetime=1000)
    feed.update(ORACLE, lifetime=lifetime)
    feed.then_told([STARTED, CHANGED])


def test_a_sum_under_its_old_name_is_no_other(feed: Feed) -> None:
    feed.update(ACOLYTE, lifetime=2000)
    feed.update(ORACLE, lifetime=1000, without=("campaign_lifetime_support_cents",))
    feed.then_told([STARTED, CHANGED])


@pytest.mark.parametrize(
    "taken_back",
    [
        {"charged": at(days=-31)},
        {"charged": None, "charge": None},
        {"charge": "Refunded"},
        {"charge": "Fraud"},
        {"charge": "Deleted"},
    ],
    ids=["voided", "every charge refunded", "refunded", "charged back", "deleted"],
)
def test_the_end_of_the_pledge_that_is_known_is_never_stale(feed: Feed, taken_back: dict[str, Any]) -> None:
    """Whoever pledges again begins another pledge, so this end belongs to no older one."""
    feed.update(ACOLYTE)
    feed.update(status="former_patron", lifetime=0, **taken_back)
    feed.then_told([STARTED, ENDED])


@pytest.mark.parametrize("pledged", [at(days=-200), None], ids=["an older pledge", "no pledge named"])
def test_the_end_of_another_pledge_takes_nothing(feed: Feed, pledged: Any) -> None:
    feed.update(ACOLYTE)
    feed.update(status="former_patron", charged=at(days=-100), pledged=pledged)
    feed.then_told([STARTED])
    assert stale(feed) == 1


def test_a_voided_charge_does_not_hide_the_next_one(feed: Feed) -> None:
    feed.update(ACOLYTE)
    feed.update(ACOLYTE, charged=at(days=-31))
    feed.update(ORACLE, charged=at(days=31))
    feed.then_told([STARTED, CHANGED])


def test_each_stale_delivery_is_counted_and_stays_so_after_pruning(feed: Feed) -> None:
    feed.update(ACOLYTE)
    for number in range(3):
        feed.update(NOVICE, charged=at(days=-31), noise=str(number))
    feed.update(NOVICE, charged=at(days=-31), noise="2")
    with feed.database.connect(DatabaseRole.TRANSLATE) as connection:
        connection.execute("delete from inbox")
    assert stale(feed) == 3


def test_memberships_stored_before_the_newest_dates_were_are_ordered_by_their_last_ones(feed: Feed) -> None:
    feed.update(ACOLYTE)
    with feed.database.connect(DatabaseRole.TRANSLATE) as connection:
        connection.execute("update patreon_member set newest_charge_at = null, newest_pledge_at = null")
    feed.update(NOVICE, charged=at(days=-31))
    feed.update(NOVICE, pledged=at(days=-200))
    feed.then_told([STARTED])
    assert stale(feed) == 2


# where somebody can be asked


@pytest.mark.parametrize(
    "shown",
    [
        {"lifetime": 500},
        {"lifetime": 50_000},
        {"charged": at(days=-31)},
        {"charged": None, "charge": None},
        {"pledged": at(days=-200)},
        {"charge": "Pending"},
        {"charge": "Refunded", "lifetime": 0},
    ],
    ids=["less paid", "more paid", "voided", "never charged", "older pledge", "pending", "refunded"],
)
@pytest.mark.parametrize("truth", [ORACLE, ACOLYTE], ids=["it was true", "it was old"])
def test_a_change_that_cannot_be_ordered_is_asked_about(asking: Feed, shown: dict[str, Any], truth: Any) -> None:
    asking.update(ACOLYTE, lifetime=1000)
    asking.update(ORACLE, **shown)
    asking.then_told([STARTED])
    asking.answers(truth)
    asking.then_told([STARTED] if truth is ACOLYTE else [STARTED, CHANGED])
    assert stale(asking) == 0


def test_an_end_after_a_refund_is_asked_about(asking: Feed) -> None:
    asking.update(ACOLYTE, lifetime=2000)
    ended: dict[str, Any] = {"status": "former_patron", "lifetime": 1000}
    asking.update(**ended)
    asking.answers(**ended)
    asking.then_told([STARTED, ENDED])


def test_what_looks_older_and_changes_nothing_is_not_asked_about(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.update(ACOLYTE, charged=at(days=-31))
    assert asking.outcomes()[-1] == ("set_aside", "stale: older than what is known")
    assert stale(asking) == 1


def test_the_answer_counts_though_its_charge_is_older(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.answers(ORACLE, charged=at(days=-31), lifetime=0)
    asking.then_told([STARTED, CHANGED])


def test_the_retry_of_a_body_from_before_a_void_is_asked_about(asking: Feed) -> None:
    """The voided charge is newer than the one that is the last again, and proves nothing any more."""
    asking.update(ACOLYTE)
    asking.answers(ORACLE, charged=at(days=-31))
    asking.update(ACOLYTE, noise="a retry of the first")
    asking.then_told([STARTED, CHANGED])
    assert asking.outcomes()[-1] == ("translated", "to be asked: it may be an old one")


def test_a_charge_that_was_pending_and_is_settled_needs_no_question(asking: Feed) -> None:
    asking.update(ACOLYTE, charge="Pending", lifetime=0)
    asking.update(ORACLE, charge="Paid")
    asking.then_told([STARTED, CHANGED])


def test_without_an_answer_what_looks_older_is_stale_in_the_end(asking: Feed) -> None:
    asking.update(ACOLYTE)
    asking.update(NOVICE, charged=at(days=-31))
    asking.later(minutes=16)
    asking.translates()
    asking.then_told([STARTED])
    assert stale(asking) == 1
