"""Frames and entries that are not as Discord documents them, or that come at odd times: nothing of them is passed over
in silence, and nothing wrong is concluded from them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.sources.discord.backfill import backfill
from temple_ledger.infrastructure.sources.discord.health import discord_health
from tests.discord.world import World, new_guild
from tests.fakes.discord_guild import ENTRY, Dispatch
from tests.fakes.discord_line import GuildRest


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
    world.line.send(world.guild.join(user_id))
    world.guild.wait(5)
    return user_id


def deliveries(world: World, kind: str) -> list[tuple[str, str | None]]:
    """State and note of each, the newest first."""
    found = "select state, note from inbox where kind = %s order by id desc"
    return world._connection.execute(found, (kind,)).fetchall()


def entry(world: World, **data: Any) -> Dispatch:
    """That a moderator gave somebody the first role, with these values in the place of its own."""
    given = world.guild.change_roles(someone(world), add=[next(iter(world.guild.roles))])
    (made,) = [each for each in given if each.kind == ENTRY]
    return replace(made, data={**made.data, **data})


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ({"user_id": 5}, "user_id is no id"),
        ({"user_id": {"id": "1"}}, "user_id is no id"),
        ({"changes": None}, "changes is no list of objects"),
        ({"changes": {"key": "$add"}}, "changes is no list of objects"),
        ({"changes": ["$add"]}, "changes is no list of objects"),
        ({"changes": [{"key": "$add", "new_value": None}]}, "new_value is no list of objects"),
        ({"changes": [{"key": "$add", "new_value": ["400000000000000001"]}]}, "new_value is no list of objects"),
        ({"changes": [{"key": "$add", "new_value": [{"id": 5}]}]}, "id is no id"),
    ],
)
def test_an_entry_that_names_nobody_only_because_it_cannot_be_read_is_marked(
    world: World, data: dict[str, Any], note: str
) -> None:
    world.line.send([entry(world, **data)])
    world.drain()
    assert deliveries(world, ENTRY)[0] == ("unparseable", note)


def test_an_entry_without_an_actor_is_read(world: World) -> None:
    world.line.send([entry(world, user_id=None)])
    world.drain()
    assert deliveries(world, ENTRY)[0] == ("translated", None)


class OddRest(GuildRest):
    """Each second entry of its audit log is not as documented."""

    async def audit_log(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        page = await super().audit_log(guild, after, limit)
        return [{**each, "changes": "?"} if number % 2 else each for number, each in enumerate(page)]


def test_entries_that_cannot_be_read_back_are_counted(world: World) -> None:
    ada = someone(world)
    for role in world.guild.roles:
        world.line.send(world.guild.change_roles(ada, add=[role]), entries="late")
    rest = OddRest(world.guild)
    done = asyncio.run(backfill(world.database, rest, world.guild.id, clock=lambda: world.guild.now))
    assert (done.entries, done.unreadable) == (2, 1)


@pytest.mark.parametrize("roles", [None, {}, "none", [None], [{"id": "400000000000000001", "name": 5}]])
def test_a_guild_whose_roles_cannot_be_read_is_there_and_marked(world: World, roles: object) -> None:
    world.line.send([world.guild.outage()])
    came = world.guild.guild_create()
    world.line.send([replace(came, data={**came.data, "roles": roles})])
    world.drain()
    state, note = deliveries(world, "GUILD_CREATE")[0]
    assert state == "unparseable"
    assert "roles" in str(note) or "role.name" in str(note)
    assert discord_health(world._connection).unavailable_since is None


@pytest.mark.parametrize("unavailable", ["true", 1, 0, {}, []])
def test_an_outage_in_another_form_is_no_removal_of_the_bot(world: World, unavailable: object) -> None:
    world.line.send([Dispatch("GUILD_DELETE", {"id": world.guild.id, "unavailable": unavailable})])
    world.drain()
    assert deliveries(world, "GUILD_DELETE")[0] == ("unparseable", "unavailable is no boolean")
    health = discord_health(world._connection)
    assert (health.removed_at, health.unavailable_since) == (None, None)


def with_everyone(world: World, frames: Sequence[Dispatch]) -> list[Dispatch]:
    """The frames as Discord does not send them: @everyone, which has the guild's id, is among the roles."""
    return [
        replace(each, data={**each.data, "roles": [*each.data["roles"], world.guild.id]})
        if "roles" in each.data
        else each
        for each in frames
    ]


class EverybodyRest(GuildRest):
    """It lists @everyone among the roles of each member."""

    async def members(self, guild: str, after: str, limit: int) -> Sequence[Mapping[str, Any]]:
        return [{**each, "roles": [*each["roles"], guild]} for each in await super().members(guild, after, limit)]


def test_everyone_is_no_role_wherever_it_is_listed_or_named(world: World) -> None:
    ada, oracle = world.guild.draw(), next(iter(world.guild.roles))
    world.line.send(with_everyone(world, world.guild.join(ada)))
    world.guild.wait(5)
    world.line.send(with_everyone(world, world.guild.change_roles(ada, add=[oracle])))
    world.line.send([entry(world, changes=[{"key": "$remove", "new_value": [{"id": world.guild.id, "name": "x"}]}])])
    world.line.send([Dispatch("GUILD_ROLE_DELETE", {"guild_id": world.guild.id, "role_id": world.guild.id})])
    world.drain()
    world.guild.wait(60)
    world.rest = EverybodyRest(world.guild)
    world.catch_up()
    assert [(each.kind, each.role) for each in world.told() if each.user_id == ada] == [("join", ""), ("add", oracle)]
    named = "select count(*) from webhook_audit_log where target = %s"
    assert world._connection.execute(named, (world.guild.id,)).fetchone() == (0,)


@pytest.mark.parametrize("hours", [0.01, 2, 23])
def test_an_entry_that_comes_hours_late_and_twice_names_the_actor_once(world: World, hours: float) -> None:
    ada, (oracle, seeker) = someone(world), world.guild.roles
    world.line.send(world.guild.change_roles(ada, add=[oracle]), entries="late")
    world.drain()
    given_at = world.guild.now
    world.guild.wait(timedelta(hours=hours).total_seconds())
    # another change just before it, whose own entry never comes
    frames = world.guild.change_roles(ada, add=[seeker])
    world.line.send([each for each in frames if each.kind != ENTRY])
    late = list(world.line._late)
    world.line.hand_over_late(backwards=False)
    world.line.send(late)
    world.drain()
    added = [each for each in world.events() if each.kind == "add"]
    assert [(each.role, each.at == given_at, each.metadata.get("granted_by")) for each in added] == [
        (oracle, True, None),
        (oracle, True, world.guild.moderator),
        (seeker, False, None),
    ]
