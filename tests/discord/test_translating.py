"""From frames to events: what each kind of frame comes to, and when somebody says later who did it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.role_history import role_history
from temple_ledger.infrastructure.sources.discord import translator
from temple_ledger.infrastructure.sources.discord.change import id_of
from temple_ledger.infrastructure.sources.discord.health import discord_health
from temple_ledger.projections.role_periods import RoleEnding
from tests.discord.world import World, new_guild
from tests.fakes.discord_guild import Dispatch
from tests.killed import Moment, run_killed


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        made = World(database, connection, new_guild(3, ["Oracle", "Seeker"]))
        made.guild.wait(60)
        made.line.open()
        made.catch_up()
        yield made
        made.close()


def someone(world: World) -> str:
    user_id = world.guild.draw()
    world.guild.wait(5)
    world.line.send(world.guild.join(user_id))
    world.guild.wait(5)
    return user_id


def rows(world: World, query: str) -> list[Any]:
    with world.database.connect(DatabaseRole.TRANSLATE) as connection:
        return connection.execute(query.encode()).fetchall()


def put(world: World, body: bytes, kind: str = "GUILD_MEMBER_UPDATE") -> tuple[str, str | None]:
    with world.database.connect(DatabaseRole.TRANSLATE) as connection:
        [kept] = store(connection, [Delivery("discord", kind, body, body[:30] + b"#", world.guild.now, "x")])
    world.drain()
    [found] = rows(world, f"select state, note from inbox where id = {kept.id}")
    return found[0], found[1]


def test_an_entry_that_comes_later_tells_the_grant_again_with_the_one_who_gave_it(world: World) -> None:
    ada, (oracle, _) = someone(world), world.guild.roles
    world.line.send(world.guild.change_roles(ada, add=[oracle]), entries="late")
    world.drain()
    assert world.folded(ada).roles[oracle].granted_by is None
    world.guild.wait(20)
    world.line.hand_over_late(backwards=False)
    world.drain()
    first, again = [each for each in world.events() if each.kind == "add"]
    assert (again.at, again.metadata["granted_by"]) == (first.at, world.guild.moderator)
    assert again.metadata["attributes"] == str(id_of(f"frame:{world.line.session}:4:add:{oracle}"))
    assert world.folded(ada).roles[oracle] == (first.at, world.guild.moderator)


@pytest.mark.parametrize("backwards", [False, True])
def test_entries_that_a_resume_delayed_explain_what_happened_when_they_were_made(world: World, backwards: bool) -> None:
    """And nothing that came after them, for which they would be near enough by the time at which they were heard."""
    ada, (oracle, _) = someone(world), world.guild.roles
    give, take = {oracle}, set[str]()
    for change in (give, take, give):
        world.line.send(world.guild.change_roles(ada, add=change, remove=give - change), entries="late")
        world.guild.wait(60)
    world.line.hand_over_late(backwards=backwards)
    world.line.send(world.guild.change_roles(ada, remove=[oracle]), entries="late")
    world.guild.wait(5)
    world.line.send(world.guild.change_roles(ada, add=[oracle]), entries="late")
    world.line.hand_over_late(backwards=backwards)
    world.drain()
    true = [each for each in world.guild.history if each.role]
    assert [each.kind for each in true] == ["add", "remove", "add", "remove", "add"]
    told = [each for each in world.events() if each.role and "attributes" not in each.metadata]
    assert [(each.kind, each.at) for each in told] == [(each.kind, each.at) for each in true]
    explained = {each.at: each.metadata["audit_entry"] for each in world.events() if "attributes" in each.metadata}
    assert explained == {each.at: each.entry_id for each in true}


@pytest.mark.parametrize("translated", [False, True])
def test_entries_that_were_only_read_back_explain_frames_that_a_resume_delayed(world: World, translated: bool) -> None:
    """The listener was killed before it had heard the entries, and before or after it had translated the frames."""
    ada, (oracle, _) = someone(world), world.guild.roles
    give, take = {oracle}, set[str]()
    delayed = []
    for change in (give, take, give):
        delayed += world.guild.change_roles(ada, add=change, remove=give - change)
        world.guild.wait(20)
    world.guild.wait(60)
    world.line.send(delayed, entries="late")
    if translated:
        world.drain()
    world.guild.wait(30)
    world.line.cut()
    world.line.open()
    world.catch_up()
    true = [(each.kind, each.entry_id) for each in world.guild.history if each.role]
    told = [(each.kind, each.metadata.get("audit_entry")) for each in world.events() if each.role]
    first = [(kind, None) for kind, _ in true] if translated else []
    assert sorted(told, key=str) == sorted(first + true, key=str)


def test_an_entry_that_was_heard_in_vain_explains_no_later_change_when_it_is_read_back_as_well(world: World) -> None:
    ada, (oracle, _) = someone(world), world.guild.roles
    world.line.send(world.guild.log_without_effect(ada, oracle, add=True), entries="late")
    world.guild.wait(100)
    world.line.hand_over_late(backwards=False)
    world.guild.wait(100)
    world.line.send(world.guild.change_roles(ada, add=[oracle], logged=False))
    world.drain()
    world.read_back()
    assert world.folded(ada).roles[oracle].granted_by is None


def test_an_entry_that_is_near_to_no_change_is_nobodys(world: World) -> None:
    ada, (oracle, _) = someone(world), world.guild.roles
    world.line.send(world.guild.change_roles(ada, add=[oracle], logged=False))
    world.guild.wait(40)
    world.line.send(world.guild.log_without_effect(ada, oracle, add=True))
    world.drain()
    assert world.folded(ada).roles[oracle].granted_by is None


def test_each_entry_explains_one_change(world: World) -> None:
    ada, (oracle, _) = someone(world), world.guild.roles
    world.line.send(world.guild.change_roles(ada, add=[oracle]), entries="before")
    world.line.send(world.guild.change_roles(ada, remove=[oracle], logged=False))
    world.line.send(world.guild.change_roles(ada, add=[oracle], logged=False))
    world.drain()
    assert [each.metadata.get("granted_by") for each in world.events() if each.kind == "add"] == [
        world.guild.moderator,
        None,
    ]


def test_a_kick_that_is_explained_later_names_who_and_why(world: World) -> None:
    ada = someone(world)
    world.line.send(world.guild.kick(ada), entries="late")
    world.drain()
    world.line.hand_over_late(backwards=False)
    world.drain()
    first, again = [each for each in world.events() if each.kind == "leave"]
    assert "by" not in first.metadata
    assert (again.at, again.metadata["by"], again.metadata["reason"]) == (first.at, world.guild.moderator, "rules")


@pytest.mark.parametrize("ban_first", [True, False])
def test_a_ban_and_its_removal_are_one_leave(world: World, ban_first: bool) -> None:
    ada = someone(world)
    world.line.send(world.guild.ban(ada, ban_first=ban_first))
    world.drain()
    assert [each.kind for each in world.told()] == ["join", "leave"]
    assert world.events()[-1].metadata["by"] == world.guild.moderator


def test_a_ban_of_somebody_who_is_no_member_is_no_event(world: World) -> None:
    before = rows(world, "select count(*) from webhook_audit_log")
    world.line.send(world.guild.ban(world.guild.draw()))
    world.drain()
    assert rows(world, "select count(*) from webhook_audit_log") == before


def test_a_deleted_role_ends_for_every_holder_a_part_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translator, "ENDED_AT_ONCE", 2)
    oracle, seeker = world.guild.roles
    people = [someone(world) for _ in range(5)]
    for user_id in people:
        world.line.send(world.guild.change_roles(user_id, add=[oracle, seeker]))
    world.guild.wait(1)
    late = world.guild.rename(people[0], "late")[0]
    world.line.send(world.guild.delete_role(oracle))
    deleted_at = world.guild.now
    world.guild.wait(1)
    world.line.send([late])
    world.drain()
    ends = [each for each in world.told() if each.kind == "remove"]
    assert {(each.user_id, each.at) for each in ends} == {(user_id, deleted_at) for user_id in people}
    assert len(ends) == 5
    assert all(set(world.folded(user_id).roles) == {seeker} for user_id in people)


@pytest.mark.parametrize("entries", ["before", "after", "late"])
def test_who_deleted_a_role_is_named_whenever_the_entry_comes(world: World, entries: str) -> None:
    ada, (oracle, _) = someone(world), world.guild.roles
    world.line.send(world.guild.change_roles(ada, add=[oracle]))
    world.line.send(world.guild.delete_role(oracle), entries=entries)
    deleted_at = world.guild.now
    world.drain()
    world.guild.wait(20)
    world.line.hand_over_late(backwards=False)
    world.drain()
    world.read_back()
    world.guild.wait(60)
    world.catch_up()
    deletions = rows(world, "select timestamp, metadata ->> 'by' from webhook_audit_log where action = 'deleted'")
    assert deletions == (
        [(deleted_at, world.guild.moderator)]
        if entries == "before"
        else [(deleted_at, None), (deleted_at, world.guild.moderator)]
    )
    with snapshot(world.database) as connection:
        granted, ended = role_history(connection, oracle, AsOf(), catalogue=CATALOGUE).steps
    assert (granted.granted_by, ended.ending) == (world.guild.moderator, RoleEnding.ROLE_DELETED)
    assert ended.ended_by == world.guild.moderator


def test_live_attribution_is_one_step_of_a_roles_history(world: World) -> None:
    ada, (oracle, _) = someone(world), world.guild.roles
    give, take = {oracle}, set[str]()
    for change in (give, take, give):
        world.line.send(world.guild.change_roles(ada, add=change, remove=give - change), entries="late")
        world.guild.wait(5)
    world.line.send(world.guild.kick(ada), entries="late")
    world.drain()
    world.guild.wait(5)
    world.line.hand_over_late(backwards=False)
    world.drain()
    with snapshot(world.database) as connection:
        steps = role_history(connection, oracle, AsOf(), catalogue=CATALOGUE).steps
    assert [(each.change.value, each.ending, each.granted_by or each.ended_by) for each in steps] == [
        ("granted", None, world.guild.moderator),
        ("ended", "removed", world.guild.moderator),
        ("granted", None, world.guild.moderator),
        ("ended", "left", world.guild.moderator),
    ]


def test_the_directory_follows_the_names_of_roles(world: World) -> None:
    oracle, seeker = world.guild.roles
    _, created = world.guild.create_role("Acolyte")
    world.guild.wait(1)
    world.line.send(created)
    world.line.send(world.guild.rename_role(seeker, "Finder"))
    world.line.send(world.guild.delete_role(oracle))
    world.drain()
    found = rows(world, "select name, deleted from discord_role_directory order by name")
    assert found == [("Acolyte", False), ("Finder", False), ("Oracle", True)]


def test_frames_of_another_guild_are_set_aside(world: World) -> None:
    frame = {"op": 0, "t": "GUILD_MEMBER_ADD", "s": 1, "d": {"guild_id": "42", "user": {"id": "7"}, "roles": []}}
    state, note = put(world, json.dumps(frame).encode())
    assert (state, note) == ("set_aside", "of another guild than this ledger's")


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ({}, "user.id is no id"),
        ({"user": {"id": 7}, "roles": []}, "user.id is no id"),
        ({"user": {"id": "7"}, "roles": ["x"]}, "roles is no list of ids"),
        ({"user": {"id": "7"}}, "roles is no list of ids"),
        ({"user": {"id": "7"}, "roles": [], "joined_at": "yesterday"}, "joined_at is no time"),
    ],
)
def test_a_frame_that_is_not_what_discord_documents_is_kept_and_marked(
    world: World, data: dict[str, Any], note: str
) -> None:
    frame = {"op": 0, "t": "GUILD_MEMBER_UPDATE", "s": 1, "d": {"guild_id": world.guild.id, **data}}
    assert put(world, json.dumps(frame).encode()) == ("unparseable", note)


def test_what_is_no_json_is_unparseable_and_what_nobody_knows_set_aside(world: World) -> None:
    assert put(world, b'{"op": 0')[0] == "unparseable"
    assert put(world, b'{"op": 0, "t": "TYPING_START", "s": 3, "d": {}}')[0] == "set_aside"


def test_names_of_people_stay_in_the_inbox(world: World) -> None:
    ada, (oracle, _) = someone(world), world.guild.roles
    world.line.send(world.guild.rename(ada, "Ada Lovelace"))
    world.line.send(world.guild.change_roles(ada, add=[oracle]))
    world.line.send(world.guild.kick(ada))
    world.drain()
    world.guild.wait(60)
    world.catch_up()
    tables = ("webhook_audit_log", "discord_member", "discord_attribution", "snapshot_finding", "discord_change")
    for table in tables:
        text = str(rows(world, f"select to_jsonb(kept)::text from {table} as kept"))
        assert "Lovelace" not in text
        assert f"user{ada[-4:]}" not in text


def test_the_bot_leaving_or_an_outage_takes_nothing_from_anybody(world: World) -> None:
    ada, (oracle, _) = someone(world), world.guild.roles
    world.line.send(world.guild.change_roles(ada, add=[oracle]))
    world.line.send([world.guild.outage(), world.guild.remove_bot()])
    world.drain()
    assert set(world.folded(ada).roles) == {oracle}


def states(world: World) -> tuple[bool, bool]:
    """Removed, unavailable."""
    world.drain()
    found = discord_health(world._connection)
    assert found.guild == world.guild.id
    return found.removed_at is not None, found.unavailable_since is not None


def test_a_removal_and_an_outage_are_two_states_and_each_ends_when_the_guild_is_back(world: World) -> None:
    assert states(world) == (False, False)
    world.line.send([world.guild.outage()])
    assert states(world) == (False, True)
    world.line.send([world.guild.guild_create()])
    assert states(world) == (False, False)
    world.line.send([world.guild.remove_bot()])
    assert states(world) == (True, False)
    world.line.send([world.guild.invite_bot()])
    assert states(world) == (False, False)


def test_a_guild_that_comes_back_unavailable_is_still_away(world: World) -> None:
    world.line.send([world.guild.outage()])
    world.line.send([Dispatch("GUILD_CREATE", {"id": world.guild.id, "unavailable": True})])
    assert states(world) == (False, True)
    assert discord_health(world._connection).unavailable_since == world.guild.now


def test_since_when_it_lasts_is_when_it_was_first_said(world: World) -> None:
    world.line.send([world.guild.remove_bot()])
    since = world.guild.now
    world.guild.wait(60)
    world.line.send([world.guild.remove_bot()])
    assert states(world) == (True, False)
    assert discord_health(world._connection).removed_at == since


def test_a_session_that_begins_without_the_guild_says_that_the_bot_was_removed(world: World) -> None:
    world.line.cut()
    world.guild.remove_bot()
    world.line.open()
    assert states(world) == (True, False)
    world.line.cut()
    world.guild.invite_bot()
    world.line.open()
    assert states(world) == (False, False)


def test_a_session_that_begins_during_an_outage_does_not_end_it(world: World) -> None:
    world.line.send([world.guild.outage()])
    world.line.send([Dispatch("READY", {"session_id": "next", "guilds": [{"id": world.guild.id}]})])
    assert states(world) == (False, True)


def test_that_another_guild_is_gone_says_nothing_about_ours(world: World) -> None:
    world.line.send([Dispatch("GUILD_DELETE", {"id": "42"})])
    assert states(world) == (False, False)
    assert [note for *_, note in world.notes()] == ["of another guild than this ledger's"]


def test_a_guest_leaves_no_trace_but_in_the_inbox(world: World) -> None:
    guest = world.guild.draw()
    before = rows(world, "select count(*) from webhook_audit_log")
    for arrives in (False, True):
        world.line.send(world.guild.guest_is_there(guest, arrives=arrives))
        world.guild.wait(5)
    world.line.send(world.guild.guest_is_gone(guest))
    world.drain()
    assert rows(world, "select count(*) from webhook_audit_log") == before
    assert rows(world, f"select present from discord_member where user_id = '{guest}'") == [(False,)]
    world.guild.wait(60)
    assert world.catch_up().events == 0


def test_a_join_that_is_sent_again_days_later_leaves_the_grant_as_it_was(world: World) -> None:
    ada, (oracle, _) = someone(world), world.guild.roles
    world.line.send(world.guild.change_roles(ada, add=[oracle]))
    world.drain()
    before = world.folded(ada)
    world.guild.wait(4 * 86_400)
    world.line.send(world.guild.joins_again_they_say(ada, later=timedelta(days=3)))
    world.guild.wait(5)
    world.line.send(world.guild.rename(ada, "again"))
    world.drain()
    world.guild.wait(60)
    assert world.catch_up().events == 0
    assert world.folded(ada) == before


def history(world: World) -> None:
    ada, bob = someone(world), someone(world)
    oracle, seeker = world.guild.roles
    world.line.send(world.guild.change_roles(ada, add=[oracle, seeker]), entries="before")
    world.line.send(world.guild.change_roles(bob, add=[oracle]), entries="late")
    world.line.send(world.guild.change_roles(ada, remove=[oracle]))
    world.line.hand_over_late(backwards=False)
    world.line.send(world.guild.kick(bob))
    world.line.send(world.guild.delete_role(seeker))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_translator_that_is_killed_anywhere_loses_and_doubles_nothing(world: World, moment: Moment) -> None:
    at, points = 1, 0
    expected: list[tuple[str, str]] = []
    while True:
        world.guild.wait(60)
        before = len(world.events())
        if len(world.guild.roles) < 2:
            world.line.send(world.guild.create_role(f"Seeker {at}")[1])
        history(world)
        killed = run_killed(lambda: _drain_anew(world), at=at, moment=moment)
        world.drain()
        found = [(each.kind, "actor" if "audit_entry" in each.metadata else "") for each in world.events()[before:]]
        expected = expected or sorted(found)
        assert sorted(found) == expected, f"killed {moment} exchange {at}"
        points += killed
        if not killed:
            break
        at += 2 if at < 16 else 13
    assert points > 10


def _drain_anew(world: World) -> None:
    again = World(world.database, world._connection, world.guild)
    again.drain()
