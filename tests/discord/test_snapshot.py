"""Backfill and snapshot of the guild: resumed where they were cut short, told once, held against the directory too."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import HeldBack
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.snapshots.guard import is_short_of_count
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import all_findings, read_snapshot, rows_of
from temple_ledger.infrastructure.sources.discord.backfill import ReadBack, backfill
from temple_ledger.infrastructure.sources.discord.errors import DiscordUnavailable
from temple_ledger.infrastructure.sources.discord.snapshot import apply_discord_snapshot, take_snapshot
from temple_ledger.infrastructure.sources.discord.snowflake import first_of
from tests.discord.world import World, new_guild
from tests.fakes.discord_guild import guest_object
from tests.fakes.discord_line import GuildRest
from tests.killed import Moment, run_killed


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with database.connect(DatabaseRole.TRANSLATE) as connection:
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
        rows = rows_of(list(all_findings(connection, snapshot_id, catalogue=CATALOGUE)))
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
    with world.database.connect(DatabaseRole.TRANSLATE) as connection:
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


def guests(world: World, number: int) -> list[str]:
    found = [world.guild.draw() for _ in range(number)]
    for user_id in found:
        world.line.send(world.guild.guest_is_there(user_id))
    return found


def test_guests_do_not_hold_back_what_really_happened(world: World) -> None:
    world.line.open()
    world.catch_up()
    guests(world, 7)
    world.drain()
    world.line.cut()
    *_, acolyte = world.guild.roles
    ada, bob, *_ = [user_id for user_id in world.guild.members if user_id != world.guild.bot]
    world.guild.wait(60)
    world.guild.leave(ada)
    world.guild.change_roles(bob, add=[acolyte])
    world.guild.wait(60)
    world.line.open()
    world.drain()
    applied = apply_discord_snapshot(world.database, world.snapshot(), by="a test")
    assert applied.events == 2
    then_equal(world)


def test_guests_that_were_once_taken_for_members_depart_and_put_nothing_at_risk(world: World) -> None:
    """As versions before this one recorded them: present, and joined nobody knows when."""
    world.line.open()
    world.catch_up()
    taken_for_members = guests(world, 7)
    world.drain()
    world._connection.execute("update discord_member set present = true where joined_at is null")
    world.guild.wait(60)
    snapshot_id = world.snapshot()
    with world.database.connect(DatabaseRole.READ) as connection:
        assert read_snapshot(connection, snapshot_id).at_risk == 0
    assert apply_discord_snapshot(world.database, snapshot_id, by="a test").events == 7
    left = world._connection.execute("select user_id from webhook_audit_log where event_type = 'discord_leave'")
    assert {row[0] for row in left} == set(taken_for_members)


def test_a_guest_that_is_listed_all_the_same_is_no_finding(world: World) -> None:
    world.catch_up()
    guest = world.guild.draw()

    class Listing(GuildRest):
        async def members(self, guild: str, after: str, limit: int):  # type: ignore[no-untyped-def]
            page = await super().members(guild, after, limit)
            return page or ([guest_object(guest)] if int(after) < int(guest) else [])

    world.rest = Listing(world.guild)
    snapshot_id = world.snapshot()
    with world.database.connect(DatabaseRole.READ) as connection:
        taken = read_snapshot(connection, snapshot_id)
    assert (taken.members, taken.differences, taken.complete) == (len(world.guild.members), {}, True)


def test_a_count_that_is_far_off_is_named_and_a_person_may_accept_the_list(world: World) -> None:
    world.rest.counted_members = 500
    snapshot_id = world.snapshot()
    for confirmed in (False, True):
        with pytest.raises(HeldBack, match="7 members came, and Discord counts about 500") as held:
            apply_discord_snapshot(world.database, snapshot_id, by="a test", confirmed=confirmed)
        assert held.value.flag == "--accept-count"
    assert apply_discord_snapshot(world.database, snapshot_id, by="a test", count_accepted=True).events > 0
    then_equal(world)


def test_an_accepted_count_does_not_let_many_depart(world: World) -> None:
    world.catch_up()
    world.guild.wait(60)
    for user_id in [each for each in world.guild.members if each != world.guild.bot][:3]:
        world.guild.leave(user_id)
    world.rest.counted_members = 500
    with pytest.raises(HeldBack, match="3 of 7 members would depart") as held:
        apply_discord_snapshot(world.database, world.snapshot(), by="a test", count_accepted=True)
    assert held.value.flag == "--confirm"


@pytest.mark.parametrize(("counted", "short"), [(0, False), (3, False), (17, False), (18, True)])
def test_a_count_that_is_near_or_lower_or_missing_holds_nothing_back(world: World, counted: int, short: bool) -> None:
    world.rest.counted_members = counted
    snapshot_id = world.snapshot()
    with world.database.connect(DatabaseRole.READ) as connection:
        taken = read_snapshot(connection, snapshot_id)
    assert (taken.complete, taken.members, is_short_of_count(taken)) == (True, 7, short)


def test_a_list_of_nobody_is_never_accepted(world: World) -> None:
    world.catch_up()
    world.guild.members.clear()
    with pytest.raises(HeldBack, match="no members came") as held:
        apply_discord_snapshot(world.database, world.snapshot(), by="a test", confirmed=True, count_accepted=True)
    assert held.value.flag is None


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


def granted(world: World) -> None:
    world.guild.wait(60)
    *_, acolyte = world.guild.roles
    ada, *_ = [user_id for user_id in world.guild.members if user_id != world.guild.bot]
    world.guild.change_roles(ada, add=[acolyte])
    world.guild.wait(60)


def read_back(world: World) -> ReadBack:
    return asyncio.run(backfill(world.database, world.rest, world.guild.id, clock=lambda: world.guild.now))


def test_an_entry_with_an_id_from_the_future_does_not_move_the_mark_of_what_was_read(world: World) -> None:
    world.guild.audit.append({"id": first_of(world.guild.now + timedelta(days=400)), "action_type": 1})
    read_back(world)
    granted(world)
    done = read_back(world)
    assert done.explains == 1
    assert timedelta() < world.guild.now - done.since < timedelta(hours=1)


def test_a_mark_from_the_future_is_none(world: World) -> None:
    read_back(world)
    mark = first_of(world.guild.now + timedelta(days=400))
    world._connection.execute("update discord_feed set read_back_to = %s", (mark,))
    granted(world)
    assert read_back(world).explains == 1
