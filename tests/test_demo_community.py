"""The demo community: the same history for the same seed, and every trouble in it that a real one has."""

import hashlib
import io
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from random import Random
from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import InvalidEvent
from temple_ledger.domain.log_entry import entry_of_line
from temple_ledger.infrastructure.demo import Community, generate, malformed_lines, write_history
from temple_ledger.infrastructure.demo.guild import NAMES, PATREON_BOT
from temple_ledger.infrastructure.demo.malformed import DIGITS, KINDS

Event = dict[str, Any]

LENGTHS = {"user_id": 100, "target": 100, "event_type": 50, "action": 50, "source": 50}
COLUMNS = ["event_id", "timestamp", "event_type", "user_id", "action", "target", "metadata", "source"]
SMALL = Community(seed=7, members=1_000, events=20_000)
TINY = Community(seed=1, members=100, events=2_000)
PINNED = "77d28c6409dcf7eec30b709359f98ecccfa9d40fbc2d827fde053e0e8ec26460"


def events_of(community: Community) -> list[Event]:
    return [json.loads(line) for line in generate(community)]


def digest(community: Community) -> str:
    return hashlib.sha256("\n".join(generate(community)).encode()).hexdigest()


def occurred_at(event: Event) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


def kind(event: Event) -> tuple[str, str]:
    return event["event_type"], event["action"]


def once_each(events: list[Event]) -> list[Event]:
    firsts: dict[str, Event] = {}
    for event in events:
        firsts.setdefault(event["event_id"], event)
    return list(firsts.values())


def late_ones(events: list[Event]) -> list[Event]:
    """As the ledger sees it: older than an event of the same member that stands above."""
    newest: dict[str, datetime] = {}
    late = []
    for event in once_each(events):
        if event["event_type"] == "discord_role":
            continue
        at = occurred_at(event)
        if at < newest.setdefault(event["user_id"], at):
            late.append(event)
        newest[event["user_id"]] = max(at, newest[event["user_id"]])
    return late


def in_order(events: list[Event]) -> list[Event]:
    return sorted(once_each(events), key=occurred_at)


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return list(generate(SMALL))


@pytest.fixture(scope="module")
def history(lines: list[str]) -> list[Event]:
    return [json.loads(line) for line in lines]


# The same seed, the same history


def test_a_seed_gives_the_same_bytes_on_every_run() -> None:
    assert digest(TINY) == digest(TINY)
    assert digest(TINY) != digest(replace(TINY, seed=8))


def test_the_history_of_a_seed_changes_only_on_purpose() -> None:
    """Whoever changes it changes what benchmarks and documents were measured and written with."""
    assert digest(TINY) == PINNED


@pytest.mark.parametrize(("members", "events"), [(1, 1), (1, 500), (3, 50), (40, 20), (500, 400), (30, 9_000)])
def test_a_community_of_any_size_has_exactly_the_lines_asked_for(members: int, events: int) -> None:
    assert sum(1 for _ in generate(Community(seed=3, members=members, events=events))) == events


def test_what_is_not_said_about_the_size_follows_from_what_is() -> None:
    assert Community.sized(seed=1, members=50).events == 1_000
    assert Community.sized(seed=1, events=1_000).members == 50
    assert Community.sized(seed=1, members=7, events=9) == Community(seed=1, members=7, events=9)
    assert Community.sized(seed=1).members == 1_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"members": 0},
        {"events": 0},
        {"late_share": 0.5},
        {"duplicate_share": 1.0},
        {"end": SMALL.start + timedelta(days=2)},
        {"start": SMALL.start.replace(tzinfo=None)},
    ],
)
def test_a_community_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"community|share|offset|spans"):
        replace(SMALL, **wrong)


def test_a_large_history_begins_at_once() -> None:
    assert len(list(islice(generate(Community(seed=1, members=250_000, events=5_000_000)), 1_000))) == 1_000


# What every line is


def test_the_ledger_takes_every_line(lines: list[str]) -> None:
    assert len({entry_of_line(line, catalogue=CATALOGUE).event_id for line in lines}) < len(lines)


def test_every_line_has_the_columns_of_the_log_and_keeps_their_lengths(history: list[Event]) -> None:
    for event in history:
        assert list(event) == COLUMNS
        for column, length in LENGTHS.items():
            assert event[column] is None or 0 < len(event[column]) <= length
        assert event["metadata"] is None or isinstance(event["metadata"], dict)


def test_only_the_target_and_the_metadata_may_be_missing(history: list[Event]) -> None:
    for event in history:
        assert all(isinstance(event[column], str) for column in COLUMNS if column not in ("target", "metadata"))
        assert event["target"] or event["event_type"] not in ("discord_role_change", "discord_role")


def test_times_are_utc_to_the_microsecond_and_within_the_history(history: list[Event]) -> None:
    for event in history:
        at = occurred_at(event)
        assert at.isoformat(timespec="microseconds") == event["timestamp"]
        assert at.utcoffset() == timedelta(0)
        assert SMALL.start <= at < SMALL.end


def test_discord_ids_are_snowflakes_older_than_the_first_event_they_are_in(history: list[Event]) -> None:
    discord_epoch = datetime(2015, 1, 1, tzinfo=UTC)
    for event in history:
        if event["user_id"].isdecimal():
            made = discord_epoch + timedelta(milliseconds=int(event["user_id"]) >> 22)
            assert made <= occurred_at(event)


def test_every_member_turns_up(history: list[Event]) -> None:
    members = {event["user_id"] for event in history} - {"guild"}
    assert sum(not member.startswith("patreon:") for member in members) == SMALL.members
    assert sum(member.startswith("patreon:") for member in members) > 0


# What happens


def test_every_kind_of_event_occurs(history: list[Event]) -> None:
    assert {kind(event) for event in history} >= {
        ("discord_join", "joined"),
        ("discord_leave", "left"),
        ("discord_role_change", "added"),
        ("discord_role_change", "removed"),
        ("patreon_membership", "started"),
        ("patreon_membership", "changed"),
        ("patreon_membership", "declined"),
        ("patreon_membership", "ended"),
        ("member_inactivity", "marked"),
        ("discord_role", "created"),
        ("discord_role", "renamed"),
        ("discord_role", "deleted"),
    }


def test_some_events_are_of_a_kind_that_the_fold_does_not_know(history: list[Event]) -> None:
    known = ("discord_join", "discord_leave", "discord_role_change", "discord_role", "member_inactivity")
    unknown = [event for event in history if event["event_type"] not in (*known, "patreon_membership")]
    assert len(unknown) / len(history) == pytest.approx(0.02, abs=0.008)


def test_a_role_is_created_before_anybody_holds_it_and_has_a_name_of_its_own(history: list[Event]) -> None:
    names: dict[str, str] = {}
    for event in history:
        if event["event_type"] == "discord_role" and event["action"] != "deleted":
            names[event["target"]] = event["metadata"]["name"]
            assert len(set(names.values())) == len(names)
        if event["event_type"] == "discord_role_change":
            assert event["target"] in names
    assert 20 <= len(names) <= 60


def test_a_large_guild_has_sixty_roles() -> None:
    first = islice(generate(Community(seed=1, members=100_000, events=2_000_000)), 80)
    created = {json.loads(line)["target"] for line in first if '"created"' in line}
    assert len(created) == len(NAMES) == 60


def test_nobody_holds_a_role_after_it_was_deleted(history: list[Event]) -> None:
    held: set[tuple[str, str]] = set()
    deleted: set[str] = set()
    for event in in_order(history):
        holding = (event["user_id"], event["target"])
        match kind(event):
            case ("discord_role", "deleted"):
                deleted.add(event["target"])
            case ("discord_role_change", "added"):
                assert event["target"] not in deleted
                held.add(holding)
            case ("discord_role_change", "removed"):
                held.discard(holding)
            case ("discord_leave", _):
                held = {(member, role) for member, role in held if member != event["user_id"]}
    assert deleted
    assert not [role for _, role in held if role in deleted]


def test_held_roles_are_granted_again_and_roles_not_held_are_removed(history: list[Event]) -> None:
    held: set[tuple[str, str]] = set()
    seen: Counter[str] = Counter()
    for event in in_order(history):
        holding = (event["user_id"], event["target"])
        if kind(event) == ("discord_role_change", "added"):
            seen["granted again"] += holding in held
            held.add(holding)
        elif kind(event) == ("discord_role_change", "removed"):
            seen["removed in vain"] += holding not in held
            held.discard(holding)
    assert seen["granted again"] > 100
    assert seen["removed in vain"] > 100


def test_roles_are_granted_by_members_bots_patreon_and_nobody_knows_whom(history: list[Event]) -> None:
    members = {event["user_id"] for event in history}
    actors = Counter(
        (event["metadata"] or {}).get("granted_by")
        for event in history
        if kind(event) == ("discord_role_change", "added")
    )
    bots = set(actors) - members - {None, PATREON_BOT}
    assert actors[PATREON_BOT] > 100
    assert actors[None] > 100
    assert sum(actors[bot] for bot in bots) > 100
    assert sum(actors[member] for member in members) > 100


def test_nearly_everybody_holds_the_role_of_members_and_some_hold_many(history: list[Event]) -> None:
    holders = Counter(
        role
        for _, role in {
            (event["user_id"], event["target"]) for event in history if kind(event) == ("discord_role_change", "added")
        }
    )
    assert holders.most_common(1)[0][1] > 0.9 * SMALL.members


def test_a_few_members_have_most_of_the_events(history: list[Event]) -> None:
    counts = sorted(Counter(event["user_id"] for event in history).values(), reverse=True)
    assert sum(counts[: len(counts) // 50]) > 0.15 * len(history)
    assert counts[0] > 20 * counts[len(counts) // 2]


def test_discord_repeats_some_joins_within_a_blink(history: list[Event]) -> None:
    joins: dict[str, list[datetime]] = {}
    for event in in_order(history):
        if event["event_type"] == "discord_join":
            joins.setdefault(event["user_id"], []).append(occurred_at(event))
    gaps = [later - earlier for times in joins.values() for earlier, later in pairwise(times)]
    bursts = [gap for gap in gaps if timedelta(0) < gap < timedelta(milliseconds=400)]
    assert len(bursts) > 0.08 * SMALL.members
    assert len(gaps) > len(bursts)


def test_five_to_fifteen_in_a_hundred_members_come_back(history: list[Event]) -> None:
    departed: set[str] = set()
    returned: set[str] = set()
    for event in in_order(history):
        if event["event_type"] == "discord_leave":
            departed.add(event["user_id"])
        if event["event_type"] == "discord_join" and event["user_id"] in departed:
            returned.add(event["user_id"])
    assert 0.05 <= len(returned) / SMALL.members <= 0.15


def test_leaves_are_voluntary_or_say_why_and_by_whom(history: list[Event]) -> None:
    left = [event for event in history if event["event_type"] == "discord_leave"]
    made_to = [event["metadata"] for event in left if event["metadata"]]
    assert {metadata["reason"] for metadata in made_to} == {"kick", "ban", "prune"}
    assert all(metadata["by"].isdecimal() for metadata in made_to)
    assert len(made_to) < len(left)


def test_memberships_name_the_tier_still_entitled_to(history: list[Event]) -> None:
    tiers = {(event["action"], event["target"]) for event in history if event["event_type"] == "patreon_membership"}
    assert {tier for _, tier in tiers} == {None, "Initiate", "Seeker", "Acolyte", "Oracle"}
    assert ("declined", None) in tiers
    assert ("declined", "Initiate") in tiers
    assert {tier for action, tier in tiers if action == "ended"} == {None}
    assert all(tier for action, tier in tiers if action in ("started", "changed"))


def test_linking_ends_a_membership_there_and_starts_it_here(history: list[Event]) -> None:
    memberships = [event for event in in_order(history) if event["event_type"] == "patreon_membership"]
    linked = [
        (ended, started)
        for ended, started in pairwise(memberships)
        if ended["user_id"] == f"patreon:{started['metadata']['patreon_user_id']}" != started["user_id"]
    ]
    assert linked
    assert {(kind(ended)[1], kind(started)[1]) for ended, started in linked} == {("ended", "started")}


# How it is delivered


def test_three_in_a_hundred_events_are_late(history: list[Event]) -> None:
    assert len(late_ones(history)) / len(history) == pytest.approx(SMALL.late_share, abs=0.003)


def test_every_other_event_stands_in_the_order_of_time(history: list[Event]) -> None:
    late = {event["event_id"] for event in late_ones(history)}
    in_time = [occurred_at(event) for event in once_each(history) if event["event_id"] not in late]
    assert in_time == sorted(in_time)


def test_events_are_late_by_a_minute_up_to_days(history: list[Event]) -> None:
    late = {event["event_id"] for event in late_ones(history)}
    newest = SMALL.start
    delays = []
    for event in once_each(history):
        if event["event_id"] in late:
            delays.append(newest - occurred_at(event))
        newest = max(newest, occurred_at(event))
    assert timedelta(0) < min(delays) < timedelta(hours=1)
    assert timedelta(days=1) < max(delays) < timedelta(days=5)


def test_joins_leaves_grants_payments_and_markings_can_all_be_late() -> None:
    late = Counter(event["event_type"] for event in late_ones(events_of(replace(SMALL, events=60_000))))
    assert {"discord_join", "discord_leave", "discord_role_change", "patreon_membership"} <= set(late)
    assert "member_inactivity" in late


def test_one_line_in_twenty_is_an_exact_copy_of_one_above(lines: list[str]) -> None:
    above: dict[str, str] = {}
    copies = 0
    for line in lines:
        event_id = json.loads(line)["event_id"]
        copies += event_id in above
        assert above.setdefault(event_id, line) == line
    assert copies / SMALL.events == pytest.approx(SMALL.duplicate_share, abs=0.006)


def test_a_community_can_be_delivered_without_any_trouble() -> None:
    events = events_of(replace(SMALL, late_share=0.0, duplicate_share=0.0))
    assert late_ones(events) == []
    assert len(once_each(events)) == len(events)


# The file, and what does not belong into it


def test_the_written_history_is_the_generated_one_and_is_counted() -> None:
    stream = io.StringIO()
    assert write_history(TINY, stream) == TINY.events
    assert stream.getvalue().splitlines() == list(generate(TINY))
    assert stream.getvalue().endswith("}\n")


@pytest.mark.parametrize("count", [1, 20, 333])
def test_malformed_lines_come_between_the_others_and_change_none(count: int) -> None:
    stream = io.StringIO()
    assert write_history(TINY, stream, malformed=count) == TINY.events
    written = stream.getvalue().splitlines()
    genuine = list(generate(TINY))
    assert [line for line in written if line in set(genuine)] == genuine
    assert len(written) == TINY.events + count


def test_malformed_lines_of_every_kind_come_in_turn() -> None:
    genuine = next(generate(TINY))
    malformed = list(malformed_lines(Random(1), 2 * len(KINDS), genuine))
    assert len(malformed) == 2 * len(KINDS)
    assert all("\n" not in line for line in malformed)
    assert any("9" * DIGITS in line for line in malformed)
    assert any("\\u0000" in line for line in malformed)
    assert malformed == list(malformed_lines(Random(1), 2 * len(KINDS), genuine))


def test_the_ledger_refuses_every_malformed_line_by_itself_but_those_that_contradict() -> None:
    genuine = next(generate(TINY))
    for line in malformed_lines(Random(1), 10 * len(KINDS), genuine):
        if parsed(line).get("event_id") == json.loads(genuine)["event_id"]:
            assert entry_of_line(line, catalogue=CATALOGUE) != entry_of_line(genuine, catalogue=CATALOGUE)
        else:
            with pytest.raises(InvalidEvent):
                entry_of_line(line, catalogue=CATALOGUE)


def test_a_contradicting_line_stands_below_the_one_it_contradicts() -> None:
    above: dict[str, str] = {}
    contradictions = 0
    stream = io.StringIO()
    write_history(TINY, stream, malformed=len(KINDS))
    for line in stream.getvalue().splitlines():
        event = parsed(line)
        if "event_id" in event:
            contradictions += above.setdefault(event["event_id"], line) != line
    assert contradictions == 1


def parsed(line: str) -> Event:
    """Nothing if no JSON object can be made of it."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
