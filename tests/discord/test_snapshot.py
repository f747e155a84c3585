"""Backfill and snapshot of the guild: resumed where they were cut short, told once, held against the directory too."""

import asyncio
from collections.abc import Iterator

import pytest

from temple_ledger.domain.errors import HeldBack
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import all_findings, read_snapshot, rows_of
from temple_ledger.infrastructure.sources.discord.backfill import backfill
from temple_ledger.infrastructure.sources.discord.errors import DiscordUnavailable
from temple_ledger.infrastructure.sources.discord.snapshot import apply_discord_snapshot, take_snapshot
from tests.discord.world import World, new_guild
from tests.fakes.discord_line import GuildRest
from tests.killed import Moment, run_killed


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with database.connect(DatabaseRole.APPEND) as connection:
        made = World(database, connection, new_guild(5, ["Oracle", "Seeker", "Acolyte"]))
        oracle, seeker, _ = made.guild.roles
        for number in range(6):
            made.guild.wait(10)
            user_id = made.guild.draw()
            made.guild.join(user_id)
            made.guild.change_roles(user_id, add=[oracle, seeker][: number % 3])
        made.guild.wait(60)
        yield made
        made.close()


def drifted(world: World) -> None:
    """While nobody listened: a role deleted, one renamed, somebody gone, somebody new, grants and a toggle."""
    guild = world.guild
    oracle, seeker, acolyte = guild.roles
    ada, bob, cleo, dora, *_ = [user_id for user_id in guild.members if user_id != guild.bot]
    guild.wait(60)
    guild.change_roles(ada, add=[acolyte])
    guild.wait(5)
    guild.change_roles(ada, remove=[acolyte])
    guild.wait(5)
    guild.change_roles(bob, add=[acolyte], remove=[oracle])
    guild.kick(cleo)
    guild.wait(5)
    guild.leave(dora)
    guild.join(guild.draw())
    guild.delete_role(seeker)
    guild.rename_role(acolyte, "Initiate")
    guild.wait(60)


def then_equal(world: World) -> None:
    world.drain()
    for user_id in {each.user_id for each in world.guild.history}:
        member = world.guild.members.get(user_id)
        folded = world.folded(user_id)
        assert folded.status == ("departed" if member is None else "active")
        assert set(folded.roles) == (set() if member is None else member.roles)
    names = world._connection.execute("select role, name from discord_role_directory where not deleted").fetchall()
    assert dict(names) == world.guild.roles


def test_differences_have_a_class_and_names_are_part_of_them(world: World) -> None:
    world.catch_up()
    drifted(world)
    world.read_back()
    snapshot_id = world.snapshot()
    with world.database.connect(DatabaseRole.READ) as connection:
        taken = read_snapshot(connection, snapshot_id)
        rows = rows_of(list(all_findings(connection, snapshot_id)))
    assert taken.complete
    fields = {(row["class"], row["field"].split()[0], row["ours"] is None, row["theirs"] is None) for row in rows}
    assert {
        ("unknown to us", "member", True, False),
        ("in our ledger only", "member", False, True),
        ("missed event", "role", True, False),
        ("missed event", "role", False, True),
    } <= fields
    assert ("missed event", "role", False, False) in fields, "the new name of a role"
    # gone, gone, without Oracle, and whoever held the role that was deleted
    assert taken.at_risk >= 3


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_anywhere_backfill_and_snapshot_lose_and_double_nothing(world: World, moment: Moment) -> None:
    at, points = 1, 0
    while True:
        killed = run_killed(lambda: again(world), at=at, moment=moment)
        points += killed
        if not killed:
            break
        if at == 28:
            drifted(world)
        at += 9
    world.catch_up()
    then_equal(world)
    told = len(world.told())
    world.guild.wait(60)
    assert world.catch_up().events == 0
    assert len(world.told()) == told
    assert points > 4


def again(world: World) -> None:
    other = World(world.database, world._connection, world.guild)
    with world.database.connect(DatabaseRole.APPEND) as connection:
        other._connection = connection
        other.catch_up()


def test_a_second_application_changes_nothing(world: World) -> None:
    world.read_back()
    snapshot_id = world.snapshot()
    assert world.apply(snapshot_id).events > 0
    again_ = world.apply(snapshot_id)
    assert (again_.before, again_.events) == (True, 0)
    world.guild.wait(60)
    assert world.catch_up().events == 0


def test_a_page_that_fails_leaves_nothing_that_is_applied(world: World) -> None:
    world.catch_up()

    class Failing(GuildRest):
        async def members(self, guild: str, after: str, limit: int):  # type: ignore[no-untyped-def]
            if after != "0":
                raise DiscordUnavailable("gone")
            return await super().members(guild, after, limit)

    with pytest.raises(DiscordUnavailable):
        asyncio.run(take_snapshot(world.database, Failing(world.guild), world.guild.id))
    with world.database.connect(DatabaseRole.READ) as connection:
        rows = connection.execute("select id from snapshot where not complete").fetchall()
    [(snapshot_id,)] = rows
    with pytest.raises(HeldBack):
        apply_discord_snapshot(world.database, snapshot_id, by="a test", confirmed=True)


def test_an_empty_list_of_roles_is_not_believed(world: World) -> None:
    world.catch_up()

    class NoRoles(GuildRest):
        async def roles(self, guild: str):  # type: ignore[no-untyped-def]
            return []

    world.rest = NoRoles(world.guild)
    with pytest.raises(HeldBack, match="no roles came"):
        world.apply(world.snapshot())


def test_pages_that_do_not_go_on_end_with_a_sentence(world: World) -> None:
    class Stuck(GuildRest):
        async def members(self, guild: str, after: str, limit: int):  # type: ignore[no-untyped-def]
            return await super().members(guild, "0", limit)

    with pytest.raises(DiscordUnavailable, match="do not go on"):
        asyncio.run(take_snapshot(world.database, Stuck(world.guild), world.guild.id))


def test_a_backfill_goes_on_after_the_last_entry_that_was_read(world: World) -> None:
    class Counting(GuildRest):
        asked = 0

        async def audit_log(self, guild: str, after: str, limit: int):  # type: ignore[no-untyped-def]
            self.asked += 1
            if self.asked == 2:
                raise DiscordUnavailable("gone")
            return await super().audit_log(guild, after, limit)

    rest = Counting(world.guild, page=2)
    with pytest.raises(DiscordUnavailable):
        asyncio.run(backfill(world.database, rest, world.guild.id, clock=lambda: world.guild.now))
    done = asyncio.run(backfill(world.database, rest, world.guild.id, clock=lambda: world.guild.now))
    assert done.explains == sum(each.entry_id is not None for each in world.guild.history) - 3
