"""What happened to a member, concluded from one sight of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from temple_ledger.infrastructure.sources.discord.change import GuildChange, id_of
from temple_ledger.infrastructure.sources.discord.inference import Conclusion, alternating, conclude
from temple_ledger.infrastructure.sources.discord.model import Attribution, Direction, FeedState, GuildMember, Sighting
from temple_ledger.infrastructure.sources.discord.snowflake import first_of

GUILD, ADA, BOB = "1", "500", "600"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOINED = NOON - timedelta(days=9)
LIVE = FeedState("s1", NOON - timedelta(hours=1))
SESSION_BEFORE = FeedState("s2", NOON - timedelta(seconds=20))
"""Somebody was away until twenty seconds before noon."""


TOGGLE: tuple[Direction, Direction] = ("add", "remove")


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def member(*roles: str, last: float = -3600) -> GuildMember:
    return GuildMember(ADA, True, True, JOINED, frozenset(roles), at(last), at(last))


def frame(*roles: str, when: float = 0, joined_at: datetime | None = JOINED, arrives: bool = False) -> Sighting:
    return Sighting(at(when), f"frame:s1:{when}", True, joined_at, frozenset(roles), arrives=arrives)


def gone(when: float = 0, *, snapshot: str | None = None) -> Sighting:
    return Sighting(at(when), f"frame:s1:{when}", present=False, snapshot=snapshot)


def entry(direction: Direction, role: str, when: float, *, heard: bool = True, session: str = "s1") -> Attribution:
    how = "kick" if direction == "leave" else None
    entry_id = str(int(first_of(at(when))) + 1)
    received_at = at(when) if heard else None
    return Attribution(
        entry_id, ADA, direction, role, BOB, None, how, at(when), received_at, session if heard else None
    )


def told(found: Conclusion) -> list[tuple[str, str, str | None]]:
    return [(each.kind, each.role, None if each.by is None else each.by.actor) for each in found.changes]


def concluded(before: GuildMember, seen: Sighting, *entries: Attribution, feed: FeedState = LIVE) -> Conclusion:
    return conclude(GUILD, before, seen, entries, feed=feed)


def test_each_difference_of_the_full_state_is_a_change_by_nobody_known() -> None:
    found = concluded(member("oracle"), frame("seeker"))
    assert told(found) == [("remove", "oracle", None), ("add", "seeker", None)]
    assert [each.at for each in found.changes] == [NOON, NOON]
    assert found.member.roles == {"seeker"}


def test_an_entry_for_the_same_role_and_direction_says_who_did_it() -> None:
    entries = [entry("add", "seeker", -2), entry("remove", "seeker", -1), entry("add", "oracle", -1)]
    found = concluded(member(), frame("seeker"), *entries)
    assert told(found) == [("add", "seeker", BOB)]
    assert found.changes[0].at == NOON
    assert found.used == [(entries[0], found.changes[0])]


def test_an_entry_from_outside_the_window_explains_nothing() -> None:
    assert told(concluded(member(), frame("seeker"), entry("add", "oracle", -31))) == [("add", "seeker", None)]


def test_while_frames_come_each_of_them_is_one_change() -> None:
    """Three entries that came before their three frames: the first frame does not use them all up."""
    entries = [entry("add", "a", -3), entry("remove", "a", -2), entry("add", "a", -1)]
    first = concluded(member(), frame("a"), *entries)
    assert [(by.entry_id, change.kind) for by, change in first.used] == [(entries[0].entry_id, "add")]
    second = concluded(first.member, frame(when=0.1), *entries[1:])
    assert [by.entry_id for by, _ in second.used] == [entries[1].entry_id]


def test_what_was_given_and_taken_while_nobody_listened_is_told_by_its_entries() -> None:
    given_, taken = entry("add", "a", -120, heard=False), entry("remove", "a", -60, heard=False)
    found = concluded(member(), frame(), given_, taken, feed=SESSION_BEFORE)
    assert told(found) == [("add", "a", BOB), ("remove", "a", BOB)]
    assert [each.at for each in found.changes] == [at(-120), at(-60)]


def test_an_entry_without_effect_tells_nothing_and_is_given_up() -> None:
    idle = entry("remove", "a", -120)
    found = concluded(member("a", last=-60), frame("a"), idle)
    assert (found.changes, found.without_effect) == ((), (idle,))
    assert found.member.roles == {"a"}


def test_everyone_is_no_role_though_it_is_listed_or_named() -> None:
    taken = entry("remove", GUILD, -120)
    found = concluded(member("a", last=-60), frame("a", GUILD), taken)
    assert (found.changes, found.without_effect) == ((), (taken,))
    assert found.member.roles == {"a"}


def test_everyone_that_was_once_taken_for_a_role_ends() -> None:
    assert told(concluded(member("a", GUILD), frame("a", GUILD))) == [("remove", GUILD, None)]


def test_it_is_not_given_up_before_its_fellows_can_have_come() -> None:
    assert concluded(member("a", last=-10), frame("a"), entry("remove", "a", -120)).without_effect == ()
    assert concluded(member("a"), frame("a"), entry("remove", "a", -20)).without_effect == ()


def test_of_two_entries_of_one_direction_the_later_one_counts() -> None:
    entries = [entry("add", "a", -120, heard=False), entry("add", "a", -60, heard=False)]
    found = concluded(member(), frame("a"), *entries, feed=SESSION_BEFORE)
    assert [by.entry_id for by, _ in found.used] == [entries[1].entry_id]


def test_entries_that_were_heard_far_too_late_tell_nothing_of_their_own() -> None:
    """Their frames came in time, and were told."""
    late = [
        replace(entry(direction, "a", -100 + number), received_at=at(-40)) for number, direction in enumerate(TOGGLE)
    ]
    assert concluded(member(), frame(), *late).changes == ()
    assert len(concluded(member(), frame(), *[replace(each, received_at=each.at) for each in late]).changes) == 2


def test_entries_that_were_only_read_back_wait_for_their_frames_while_the_session_goes_on() -> None:
    ahead = [entry("add", "a", -50, heard=False), entry("remove", "a", -40, heard=False)]
    assert concluded(member(), frame(), *ahead).changes == ()
    assert len(concluded(member(), frame(), *ahead, feed=SESSION_BEFORE).changes) == 2


def test_a_frame_is_rather_of_the_entry_that_came_with_it_than_of_one_that_was_read_back_long_before() -> None:
    before = [entry("add", "a", -300, heard=False), entry("remove", "a", -200, heard=False)]
    now = replace(entry("add", "a", -1), actor="700")
    assert told(concluded(member(), frame("a"), *before, now)) == [("add", "a", "700")]
    assert told(concluded(member(), frame("a"), *before)) == [("add", "a", BOB)]


def test_state_is_the_truth_where_entries_say_otherwise() -> None:
    found = concluded(member(), frame(), entry("add", "a", -60, heard=False), feed=SESSION_BEFORE)
    assert found.changes == ()


def test_somebody_never_heard_of_joined_when_discord_says() -> None:
    found = concluded(GuildMember(ADA), frame("a"))
    assert told(found) == [("join", "", None), ("add", "a", None)]
    assert [each.at for each in found.changes] == [JOINED, NOON]
    assert found.changes[0].key == f"join:{GUILD}:{ADA}:2026-02-20T12:00:00+00:00"


def test_a_join_of_somebody_who_is_a_member_is_none() -> None:
    again = frame("a", joined_at=JOINED + timedelta(milliseconds=400), arrives=True)
    found = concluded(member("a"), again)
    assert (found.changes, found.member.joined_at) == ((), JOINED)


def sent_again(*roles: str, days: float = 4) -> Sighting:
    return frame(*roles, joined_at=JOINED + timedelta(days=days), arrives=True)


def test_a_join_that_is_sent_again_days_later_with_all_the_roles_of_before_is_none() -> None:
    found = concluded(member("a", "b"), sent_again("a", "b"))
    assert (found.changes, found.member.joined_at, found.member.roles) == ((), JOINED, frozenset({"a", "b"}))


def test_frames_after_it_may_have_either_joined_at() -> None:
    after = concluded(member("a"), sent_again("a")).member
    for joined_at in (JOINED, JOINED + timedelta(days=4), JOINED + timedelta(days=4, milliseconds=400)):
        assert told(concluded(after, frame("a", "b", when=9, joined_at=joined_at))) == [("add", "b", None)]


def test_it_may_be_sent_more_than_once_and_an_earlier_one_later() -> None:
    after = member("a")
    for days in (4, 2, 6):
        found = concluded(after, sent_again("a", days=days))
        assert not found.changes
        after = found.member
    assert told(concluded(after, frame("a", when=9, joined_at=JOINED + timedelta(days=6)))) == []


def test_what_else_it_shows_is_a_change() -> None:
    given = entry("add", "b", -2)
    found = concluded(member("a"), sent_again("a", "b"), given)
    assert told(found) == [("add", "b", BOB)]


def test_a_role_that_was_deleted_meanwhile_is_not_missed_in_it() -> None:
    deleted = {"b": at(-5)}
    found = conclude(GUILD, member("a", "b"), sent_again("a"), feed=LIVE, deleted=deleted)
    assert [(each.kind, each.role) for each in found.changes] == [("remove", "b")]


def test_a_join_without_the_roles_of_before_tells_of_a_leave_that_was_missed() -> None:
    for roles in ((), ("a",), ("c",)):
        found = concluded(member("a", "b"), sent_again(*roles))
        assert [each.kind for each in found.changes][:2] == ["leave", "join"]


def test_whoever_leaves_after_it_and_comes_back_has_a_new_stay() -> None:
    after = concluded(member("a"), sent_again("a")).member
    away = concluded(after, gone(when=5))
    assert told(away) == [("leave", "", None)]
    back = concluded(away.member, frame(when=60, joined_at=at(59), arrives=True))
    assert told(back) == [("join", "", None)]
    assert back.member.repeated_join_at is None


def test_a_guest_is_no_member_and_what_a_guest_does_is_no_event() -> None:
    sight = replace(frame("a", joined_at=None), guest=True)
    for before in (GuildMember(ADA), replace(member(), present=False)):
        for arrives in (False, True):
            found = concluded(before, replace(sight, arrives=arrives))
            assert (found.changes, found.member.present, found.member.recorded) == ((), False, True)
    guest = concluded(GuildMember(ADA), sight).member
    assert told(concluded(guest, gone(when=5))) == []


def test_whoever_has_no_joined_at_and_is_not_known_as_a_member_is_none_without_the_flag_too() -> None:
    assert told(concluded(GuildMember(ADA), frame(joined_at=None, arrives=True))) == []


def test_a_member_whose_frame_has_no_joined_at_stays_one() -> None:
    assert told(concluded(member(), frame("a", joined_at=None))) == [("add", "a", None)]


def test_a_guest_who_joins_is_a_member_from_then_on() -> None:
    guest = concluded(GuildMember(ADA), replace(frame(joined_at=None), guest=True)).member
    joined, first = (concluded(before, frame("a", when=60, joined_at=at(50))) for before in (guest, GuildMember(ADA)))
    assert told(joined) == [("join", "", None), ("add", "a", None)]
    assert joined.changes[0].event_id == first.changes[0].event_id, "the same fact, whoever derives it"


def test_a_later_joined_at_tells_of_a_leave_that_was_missed() -> None:
    rejoined = at(-50)
    lost = entry("add", "b", -90, heard=False)
    found = concluded(member("a"), frame("c", joined_at=rejoined), lost, feed=SESSION_BEFORE)
    assert told(found) == [("add", "b", BOB), ("leave", "", None), ("join", "", None), ("add", "c", None)]
    assert [each.at for each in found.changes] == [at(-90), rejoined - timedelta(microseconds=1), rejoined, NOON]


def test_a_kick_is_told_with_the_one_who_did_it() -> None:
    found = concluded(member("a"), gone(), entry("leave", "", -1))
    assert told(found) == [("leave", "", BOB)]
    assert not found.member.present
    assert not found.member.roles


def test_a_stay_ends_once_whoever_notices() -> None:
    left = concluded(member("a"), gone(1))
    assert left.changes[0].key == concluded(member("a"), gone(7)).changes[0].key
    assert concluded(left.member, gone(2)).changes == ()


def test_a_late_frame_about_a_stay_that_has_ended_is_left_alone() -> None:
    away = concluded(member("a"), gone()).member
    for late in (frame("a", when=1), frame("a", when=1, arrives=True), frame("a", when=1, joined_at=None)):
        assert concluded(away, late).changes == ()
    back = frame(when=60, joined_at=at(59))
    assert told(concluded(away, back)) == [("join", "", None)]


def test_a_quick_return_is_a_new_stay() -> None:
    away = concluded(replace(member(), joined_at=at(-5)), gone(-3)).member
    assert told(concluded(away, frame(joined_at=at(-1), arrives=True))) == [("join", "", None)]


def test_late_frames_that_list_a_deleted_role_add_nothing() -> None:
    found = conclude(GUILD, member("b"), frame("a", "b"), deleted={"a": at(-10)}, feed=LIVE)
    assert found.changes == ()
    assert found.member.roles == {"b"}


def test_a_deleted_role_ends_once_at_the_time_of_its_deletion() -> None:
    for seen in (frame(), frame("a"), gone()):
        found = conclude(GUILD, member("a"), seen, deleted={"a": at(-10)}, feed=LIVE)
        first = found.changes[0]
        assert (first.kind, first.at, first.key) == ("remove", at(-10), f"role_delete:{GUILD}:a:{ADA}")
        assert [each.kind for each in found.changes[1:]] == ([] if seen.present else ["leave"])


def test_a_change_is_later_than_all_that_was_told_before() -> None:
    found = concluded(member("a", last=30), frame("b", when=0))
    assert all(each.at > at(30) for each in found.changes)


def test_a_snapshot_marks_what_it_finds() -> None:
    seen = replace(frame("b"), key=f"reconcile:x:{ADA}", snapshot="x")
    found = concluded(member("a"), seen)
    assert [dict(each.notes) for each in found.changes] == [{"reconciled": "x"}, {"reconciled": "x"}]
    assert [each.event_id for each in found.changes] == [
        id_of(f"reconcile:x:{ADA}:remove:a"),
        id_of(f"reconcile:x:{ADA}:add:b"),
    ]
    assert found.member.last_frame_at == at(-3600)


def test_an_entry_between_two_stays_is_used_once() -> None:
    """At the second at which the new one begins: both might have it."""
    found = concluded(
        member(),
        frame(joined_at=at(-100)),
        entry("add", "a", 0, session="s1", heard=False),
        entry("add", "a", -100, session="s1", heard=False),
        entry("remove", "a", 1, session="s1", heard=False),
        feed=SESSION_BEFORE,
    )
    assert len({each.key for each in found.changes}) == len(found.changes)
    assert found.member.roles == set()


DIRECTIONS = st.lists(st.sampled_from(["add", "remove"]), max_size=9)


@settings(max_examples=300, deadline=None)
@given(st.booleans(), DIRECTIONS)
def test_the_alternating_sequence_is_the_longest(held: bool, directions: list[Direction]) -> None:
    entries = [entry(direction, "a", number) for number, direction in enumerate(directions)]
    taken = alternating(held, entries)
    places = [entries.index(each) for each in taken]
    assert places == sorted(places)
    assert all(before.direction != after.direction for before, after in pairwise(taken))
    assert not taken or (taken[0].direction == "add") is not held
    runs = [directions[0], *(after for before, after in pairwise(directions) if before != after)] if directions else []
    assert len(taken) == len(runs) - (bool(runs) and (runs[0] == "add") is held)


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "leave"]),
        st.sampled_from("abc"),
        st.integers(-400, 5),
        st.booleans(),
        st.sampled_from(["s1", "s2"]),
    ),
    max_size=12,
    unique_by=lambda drawn: drawn[2],
)
SETS = st.sets(st.sampled_from("abcd"))


@settings(max_examples=500, deadline=None)
@given(SETS, SETS, ENTRIES, st.sampled_from([LIVE, SESSION_BEFORE]), st.sampled_from(["stays", "gone", "again", "new"]))
def test_whatever_entries_say_the_changes_lead_from_what_was_known_to_what_is_seen(
    known: set[str], seen: set[str], drawn: list[tuple[Direction, str, int, bool, str]], feed: FeedState, stay: str
) -> None:
    entries = [
        entry(direction, "" if direction == "leave" else role, when, heard=heard, session=session)
        for direction, role, when, heard, session in drawn
    ]
    before = GuildMember(ADA) if stay == "new" else member(*known)
    sight = gone() if stay == "gone" else frame(*seen, joined_at=at(-100) if stay == "again" else JOINED)
    found = concluded(before, sight, *entries, feed=feed)
    roles, present = set(before.roles), before.present
    for change in found.changes:
        roles, present = _after(change, roles, present)
    assert present is sight.present
    assert roles == (set() if stay == "gone" else seen)
    assert found.member.roles == roles
    assert len({each.key for each in found.changes}) == len(found.changes)
    assert all(before.last_event_at is None or each.at > before.last_event_at for each in found.changes)
    for role in "abcd":
        of_role = [each.at for each in found.changes if each.role in ("", role)]
        assert of_role == sorted(set(of_role))


def _after(change: GuildChange, roles: set[str], present: bool) -> tuple[set[str], bool]:
    """Raises AssertionError for a change that changes nothing."""
    match change.kind:
        case "join":
            assert not present
            return set(), True
        case "leave":
            return set(), False
        case "add":
            assert change.role not in roles
            return roles | {change.role}, present
        case "remove":
            assert change.role in roles
            return roles - {change.role}, present
