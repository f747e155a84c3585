"""The list of members, beside what the ledger holds."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import HeldBack, PlatformUnavailable
from temple_ledger.domain.events import MembershipStarted
from temple_ledger.domain.log_entry import entry_of_event
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.ingestion.snapshots.apply import AppliedSnapshot, apply_snapshot
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import read_snapshot
from temple_ledger.infrastructure.sources.patreon.snapshot import PatreonSettling
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from tests.fakes.patreon import FakePatreon
from tests.patreon.asking import Source
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
    START,
    at,
    member_document,
)
from tests.patreon.feed import Feed

STARTED = (DISCORD, "started", "Acolyte")


@pytest.fixture
def source(feed: Feed, patreon: FakePatreon) -> Source:
    return Source(feed, patreon)


def classes(found: list[dict[str, Any]]) -> list[tuple[str, str, str | None, str | None]]:
    return [(each["class"], each["user_id"], each["ours"], each["theirs"]) for each in found]


def test_the_first_snapshot_tells_of_everybody_who_pays(source: Source) -> None:
    source.patreon.put(member_document(ACOLYTE))
    source.patreon.put(member_document(FREE, member=OTHER_MEMBER, user=OTHER, discord=OTHER_DISCORD, status=None))
    assert classes(source.reconciles()) == [("unknown to us", DISCORD, None, "Acolyte")]
    source.feed.then_told([STARTED])


def test_events_of_a_snapshot_name_it(source: Source) -> None:
    source.patreon.put(member_document(ACOLYTE))
    snapshot_id = source.takes()
    source.applies(snapshot_id)
    assert source.feed.metadata()[0]["reconciled"] == str(snapshot_id)


def test_taking_one_tells_the_log_nothing(source: Source) -> None:
    source.patreon.put(member_document(ACOLYTE))
    source.takes()
    source.feed.then_told([])


def test_what_agrees_is_no_difference(source: Source) -> None:
    source.feed.update(ACOLYTE)
    source.patreon.put(member_document(ACOLYTE, charged=at(days=31), lifetime=2000))
    assert source.reconciles() == []
    source.feed.then_told([STARTED])


def test_a_missed_change_is_told(source: Source) -> None:
    source.feed.update(ACOLYTE)
    source.patreon.put(member_document(ORACLE))
    assert classes(source.reconciles()) == [("missed event", DISCORD, "Acolyte", "Oracle")]
    source.feed.then_told([STARTED, (DISCORD, "changed", "Oracle")])


def test_a_membership_that_is_not_there_has_ended(source: Source) -> None:
    source.feed.update(ACOLYTE)
    assert classes(source.reconciles()) == [("in our ledger only", DISCORD, "Acolyte", None)]
    source.feed.then_told([STARTED, (DISCORD, "ended", None)])


def test_a_link_that_nobody_told_us_of_is_found(source: Source) -> None:
    source.feed.update(ACOLYTE, discord=None)
    source.patreon.put(member_document(ACOLYTE))
    found = classes(source.reconciles())
    assert sorted(found) == [
        ("in our ledger only", f"patreon:{IRIS}", "Acolyte", None),
        ("unknown to us", DISCORD, None, "Acolyte"),
    ]
    assert sorted(source.feed.told()[1:]) == [STARTED, (f"patreon:{IRIS}", "ended", None)]


def test_a_link_is_no_loss(source: Source) -> None:
    for number in range(30):
        source.feed.update(ACOLYTE, member=f"member-{number}", user=str(number + 1), discord=None)
        source.patreon.put(
            member_document(ACOLYTE, member=f"member-{number}", user=str(number + 1), discord=str(number + 100))
        )
    assert source.applies(source.takes(), confirmed=False).events == 60


def test_an_incomplete_snapshot_ends_nobody_and_all_else_of_it_is_applied(source: Source) -> None:
    source.feed.update(NOVICE)
    source.feed.update(NOVICE, member="member-9", user="9", discord=None)
    source.patreon.put(member_document(ACOLYTE))
    source.patreon.put(member_document(NOVICE, member=OTHER_MEMBER, user=OTHER, discord=OTHER_DISCORD))
    source.patreon.put(member_document(NOVICE, member="0", user="10", discord=None))
    source.patreon.oddities.hides = 1
    assert sorted(classes(source.reconciles())) == [
        ("missed event", DISCORD, "Novice", "Acolyte"),
        ("unknown to us", OTHER_DISCORD, None, "Novice"),
    ]
    assert [each.action for each in source.feed.told()] == ["started", "started", "changed", "started"]


def test_an_incomplete_snapshot_is_applied_only_where_it_may_be_partial(source: Source) -> None:
    source.patreon.put(member_document(ACOLYTE))
    source.patreon.put(member_document(NOVICE, member=OTHER_MEMBER, user=OTHER))
    source.patreon.oddities.hides = 1
    with pytest.raises(HeldBack, match="not complete"):
        apply_snapshot(source.feed.database, PatreonSettling(), source.takes(), by="a test", catalogue=CATALOGUE)


def note_of(source: Source, snapshot_id: UUID) -> tuple[bool, int, str | None]:
    with source.feed.database.connect(DatabaseRole.READ) as connection:
        snapshot = read_snapshot(connection, snapshot_id)
        return snapshot.complete, snapshot.members, snapshot.note


def test_the_row_of_a_closed_account_is_counted_and_nothing_is_concluded_of_it(source: Source) -> None:
    source.feed.update(ACOLYTE)
    source.patreon.put(member_document(NOVICE, member=OTHER_MEMBER))
    source.patreon.close_account(OTHER_MEMBER)
    snapshot_id = source.takes()
    assert note_of(source, snapshot_id) == (True, 1, "nothing is concluded of 1 new membership without an account")
    source.applies(snapshot_id)
    source.feed.then_told([STARTED, (DISCORD, "ended", None)])


@pytest.mark.parametrize("now", [ACOLYTE, None], ids=["still a patron", "no more"])
def test_a_known_membership_whose_account_was_closed_is_still_there(source: Source, now: Any) -> None:
    source.feed.update(ACOLYTE)
    said: dict[str, Any] = {} if now else {"status": "former_patron"}
    source.patreon.put(member_document(*([now] if now else []), **said))
    source.patreon.close_account(MEMBER)
    snapshot_id = source.takes()
    assert note_of(source, snapshot_id) == (True, 1, None)
    source.applies(snapshot_id)
    source.feed.then_told([STARTED] if now else [STARTED, (DISCORD, "ended", None)])


@pytest.mark.parametrize("row", [None, {"type": "member", "id": None}, {"type": "user", "id": "1"}, "?"])
def test_a_row_that_cannot_be_read_is_counted_and_takes_nothing_from_anybody(source: Source, row: Any) -> None:
    source.feed.update(ACOLYTE)
    source.patreon.put(member_document(NOVICE, member=OTHER_MEMBER, user=OTHER, discord=OTHER_DISCORD))
    source.patreon.oddities.unreadable.append(row)
    source.patreon.oddities.repeats = 1
    source.patreon.oddities.page_size = 1
    snapshot_id = source.takes()
    assert note_of(source, snapshot_id) == (False, 1, "1 of Patreon's 2 rows are no member with an id")
    source.applies(snapshot_id)
    source.feed.then_told([STARTED, (OTHER_DISCORD, "started", "Novice")])


def test_no_relation_of_a_row_has_to_be_there(source: Source) -> None:
    document = member_document(ACOLYTE)
    for name in ("campaign", "currently_entitled_tiers"):
        document["data"]["relationships"][name] = {"data": None}
    source.patreon.put(document)
    assert note_of(source, source.takes()) == (True, 1, None)


def test_patreon_away_in_the_middle_leaves_nothing_to_apply(source: Source) -> None:
    for number in range(10):
        source.patreon.put(member_document(ACOLYTE, member=f"member-{number}", user=str(number + 1)))
    source.patreon.oddities.page_size = 3
    source.patreon.oddities.after_page = lambda number: source.patreon.fails(403)
    with pytest.raises(PlatformUnavailable):
        source.takes()
    with source.feed.database.connect(DatabaseRole.READ) as connection:
        (snapshot_id,) = connection.execute("select id from snapshot").fetchone() or (None,)
        assert read_snapshot(connection, snapshot_id).complete is False


def test_many_who_would_lose_hold_it_back(source: Source) -> None:
    for number in range(30):
        source.feed.update(ACOLYTE, member=f"member-{number}", user=str(number + 1), discord=str(number + 100))
    snapshot_id = source.takes()
    with pytest.raises(HeldBack, match="30 of 30"):
        source.applies(snapshot_id, confirmed=False)
    assert source.applies(snapshot_id).events == 30


def test_applying_twice_tells_once(source: Source) -> None:
    source.patreon.put(member_document(ACOLYTE))
    snapshot_id = source.takes()
    assert source.applies(snapshot_id).events == 1
    assert source.applies(snapshot_id) == AppliedSnapshot(0, 0, 0, before=True)


def test_whoever_was_heard_of_since_is_left_alone(source: Source) -> None:
    source.feed.update(ACOLYTE)
    source.patreon.put(member_document(NOVICE))
    snapshot_id = source.takes()
    source.feed.update(ORACLE, charged=at(days=1))
    source.applies(snapshot_id)
    source.feed.then_told([STARTED, (DISCORD, "changed", "Oracle")])


def test_an_active_patron_does_not_lose_the_tier_by_one_snapshot(source: Source) -> None:
    source.feed.update(ACOLYTE)
    source.patreon.put(member_document(FREE))
    found = source.reconciles()
    assert [(each["ours"], each["theirs"], each["events"]) for each in found] == [
        ("Acolyte", "to be looked at again", 0)
    ]
    source.feed.then_told([STARTED])
    source.feed.later(minutes=6)
    source.reconciles()
    source.feed.then_told([STARTED, (DISCORD, "ended", None)])


def test_what_was_read_shows_later_which_body_is_old(source: Source) -> None:
    source.feed.update(ACOLYTE)
    source.patreon.put(member_document(ACOLYTE, charged=at(days=62), lifetime=3000))
    source.reconciles()
    source.feed.update(ORACLE, charged=at(days=31), lifetime=2000)
    source.feed.then_told([STARTED])


def test_what_somebody_else_told_the_log_counts(source: Source) -> None:
    """An import from before this translator: the same is not told again, and what is gone ends."""
    ledger = LedgerScenario(source.feed.database)
    for user_id, tier in ((DISCORD, "Acolyte"), (OTHER_DISCORD, "Oracle")):
        started = MembershipStarted(user_id=user_id, occurred_at=START, source="patreon", tier=tier)
        ledger.append([entry_of_event(started, event_id=uuid4(), catalogue=CATALOGUE)])
    ledger.catch_up()
    source.patreon.put(member_document(ACOLYTE))
    source.reconciles()
    assert source.feed.told()[2:] == [(OTHER_DISCORD, "ended", None)]


def test_only_some_campaigns_say_nothing_of_what_others_told(source: Source) -> None:
    ledger = LedgerScenario(source.feed.database)
    started = MembershipStarted(user_id=DISCORD, occurred_at=START, source="patreon", tier="Acolyte")
    ledger.append([entry_of_event(started, event_id=uuid4(), catalogue=CATALOGUE)])
    ledger.catch_up()
    source.applies(source.takes(whole=False))
    source.feed.then_told([STARTED])


def test_a_tier_that_somebody_appended_by_hand_is_put_right(source: Source) -> None:
    source.feed.update(ACOLYTE)
    source.patreon.put(member_document(ACOLYTE))
    ledger = LedgerScenario(source.feed.database)
    by_hand = MembershipStarted(user_id=DISCORD, occurred_at=at(days=1), source="manual", tier="Oracle")
    ledger.append([entry_of_event(by_hand, event_id=uuid4(), catalogue=CATALOGUE)])
    ledger.catch_up()
    assert classes(source.reconciles()) == [("missed event", DISCORD, "Oracle", "Acolyte")]
    assert source.feed.told()[-1] == (DISCORD, "changed", "Acolyte")
    ledger.catch_up()
    assert source.reconciles() == []


def test_a_snapshot_killed_between_two_chunks_goes_on(source: Source) -> None:
    for number in range(8):
        source.patreon.put(member_document(ACOLYTE, member=f"member-{number}", user=str(number + 1), discord=None))
    snapshot_id = source.takes()
    with source.feed.database.connect(DatabaseRole.TRANSLATE) as connection:
        from temple_ledger.infrastructure.ingestion.snapshots.apply import _chunk

        _chunk(connection, PatreonSettling(), read_snapshot(connection, snapshot_id), 3, CATALOGUE)
    assert source.applies(snapshot_id).events == 5
    assert len(source.feed.told()) == 8


# looking again


@pytest.fixture
def looking(asking: Feed, patreon: FakePatreon) -> Source:
    return Source(asking, patreon)


def test_a_doubt_is_settled_by_asking(looking: Source) -> None:
    looking.feed.update(ACOLYTE)
    looking.patreon.put(member_document(ORACLE))
    looking.feed.update(ORACLE)
    assert looking.looks_again() == 1
    looking.feed.translates()
    looking.feed.then_told([STARTED, (DISCORD, "changed", "Oracle")])
    assert looking.looks_again() == 0


def test_a_loss_is_asked_about_after_the_delay_only(looking: Source) -> None:
    looking.feed.update(ACOLYTE)
    looking.patreon.put(member_document(FREE, charged=at(days=31)))
    looking.feed.update(FREE, charge="Pending", charged=at(days=31))
    assert looking.looks_again() == 0
    looking.feed.later(minutes=6)
    assert looking.looks_again() == 1
    looking.feed.translates()
    looking.feed.then_told([STARTED, (DISCORD, "ended", None)])


def test_a_membership_that_is_gone_when_asked_for_has_ended(looking: Source) -> None:
    looking.feed.update(ACOLYTE)
    looking.feed.update(ORACLE)
    assert looking.looks_again() == 1
    looking.feed.translates()
    looking.feed.then_told([STARTED, (DISCORD, "ended", None)])


def test_asking_twice_tells_once(looking: Source) -> None:
    looking.feed.update(ACOLYTE)
    looking.patreon.put(member_document(ORACLE))
    looking.feed.update(ORACLE)
    looking.looks_again()
    looking.looks_again()
    looking.feed.translates()
    looking.feed.then_told([STARTED, (DISCORD, "changed", "Oracle")])


def test_one_whom_patreon_will_not_tell_of_does_not_hold_up_the_others(looking: Source) -> None:
    for number in (1, 2):
        who: dict[str, Any] = {"member": f"member-{number}", "user": str(number), "discord": str(number + 100)}
        looking.feed.update(ACOLYTE, **who)
        looking.patreon.put(member_document(ORACLE, **who))
        looking.feed.update(ORACLE, **who)
    asked: dict[str, datetime] = {}
    looking.patreon.fails(400)
    with pytest.raises(PlatformUnavailable):
        looking.looks_again(asked)
    assert looking.looks_again(asked) == 1
    looking.feed.translates()
    assert looking.feed.told()[-1].tier == "Oracle"


def test_webhooks_are_looked_at_every_ten_minutes(looking: Source) -> None:
    looking.patreon.webhooks.append({"type": "webhook", "id": "31", "attributes": {"paused": "true"}})
    assert looking.watches(minutes=(0, 1, 8, 3)) == [1, 0, 0, 1]


def test_a_token_without_the_scope_for_webhooks_is_no_failure(looking: Source) -> None:
    looking.patreon.fails(403)
    assert looking.watches(minutes=(0,)) == [0]
