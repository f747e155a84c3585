"""Whatever Discord's REST answers, it ends in one sentence, and nothing is appended that did not happen."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temple_ledger.domain.errors import PlatformRefuses, PlatformUnavailable
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.sources.discord.catch_up import catch_up
from temple_ledger.infrastructure.sources.discord.errors import DiscordUnavailable
from temple_ledger.infrastructure.sources.discord.rest import logged_in, pointed_at
from tests.discord.world import World, new_guild
from tests.fakes.fake_discord import AUDIT_LOG, MEMBERS, FakeDiscord, Odd
from tests.payloads.fuzzing import bounded

GUILD, ROLES = "/guilds/{guild}", "/guilds/{guild}/roles"
PATHS = ("/users/@me", GUILD, ROLES, MEMBERS, AUDIT_LOG)
WRONG: tuple[Any, ...] = (None, True, -1, 0.5, "", "x", "1" * 21, 10**30, [], [None], ["x"], {}, {"id": None}, "\ud800")
"""In the place of anything."""
HTML = b"<!doctype html><title>502</title>"
WAITS: tuple[Any, ...] = (None, "soon", [], {}, -1, 10**9, float("inf"))


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """A guild of which everything is in the log."""
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        made = World(database, connection, new_guild(11, ["Oracle", "Seeker"]))
        for _ in range(4):
            made.guild.wait(10)
            user_id = made.guild.draw()
            made.guild.join(user_id)
            made.guild.change_roles(user_id, add=list(made.guild.roles))
        made.guild.wait(60)
        made.catch_up()
        yield made
        made.close()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of everything in it, itself too."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


def odd_answer(draw: Callable[[st.SearchStrategy[Any]], Any], true: Any) -> Odd:
    body = json.dumps(true).encode()
    match draw(st.sampled_from(["wrong", "wrong", "wrong", "cut", "html", "html as JSON", "twice", "limit", "403"])):
        case "cut":
            return Odd(body[: draw(st.integers(0, len(body) - 1))])
        case "html":
            return Odd(HTML, kind="text/html")
        case "html as JSON":
            return Odd(HTML)
        case "twice":
            return Odd(json.dumps([*true, *true] if isinstance(true, list) else [true, true]).encode())
        case "limit":
            waits = draw(st.sampled_from(WAITS))
            return Odd(json.dumps({} if waits is None else {"retry_after": waits}).encode(), status=429)
        case "403":
            return Odd(draw(st.sampled_from([HTML, b"", b"[]", b'{"code": "x", "errors": []}'])), status=403)
    place = draw(st.sampled_from(list(places(true))))
    wrong = draw(st.sampled_from([each for each in WRONG if not could_be_true(place, each)]))
    return Odd(json.dumps(replaced(true, place, wrong)).encode())


def could_be_true(place: tuple[Any, ...], value: Any) -> bool:
    """Any text is a name, and somebody may have no roles."""
    *_, name = ("", *place)
    return (name == "name" and isinstance(value, str)) or (name == "roles" and value == [])


def true_answers(world: World) -> dict[str, Any]:
    guild = world.guild
    created = guild.guild_create().data
    return {
        "/users/@me": {"id": guild.bot, "username": "temple", "discriminator": "0", "avatar": None, "bot": True},
        GUILD: {"id": guild.id, "approximate_member_count": len(guild.members)},
        ROLES: created["roles"],
        MEMBERS: guild.member_page("0", 1_000),
        AUDIT_LOG: {"audit_log_entries": guild.audit_page("0", None, 100)},
    }


async def listener_begins(world: World) -> None:
    async def stored() -> None:
        pass

    async with logged_in("a-token") as rest:
        await catch_up(
            world.database,
            rest,
            world.guild.id,
            open_gate=lambda: None,
            stored=stored,
            by="a test",
            settle_seconds=0,
            clock=lambda: world.guild.now,
        )


def log_of(world: World) -> list[Any]:
    with world.database.connect(DatabaseRole.READ) as connection:
        return connection.execute("select id, event_type, action, user_id, target from webhook_audit_log").fetchall()


def test_odd_answers_end_in_a_sentence_and_append_nothing(world: World) -> None:
    true = true_answers(world)
    ended: set[str] = set()

    @bounded(100)
    @given(st.data())
    def each(data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(PATHS))
        fake.odd = {path: odd_answer(data.draw, true[path])}
        world.guild.wait(1)
        before = log_of(world)
        try:
            asyncio.run(listener_begins(world))
            ended.add("caught up")
        except (PlatformUnavailable, PlatformRefuses) as error:
            ended.add(type(error).__name__)
        assert log_of(world) == before

    with FakeDiscord(world.guild) as fake, pointed_at(fake.api_url, fake.gateway_url):
        each()
    assert ended >= {"caught up", "DiscordUnavailable"}


@pytest.mark.parametrize("odd", [b'[{"user": null, "roles": []}]', b"[null]", b"{}", b'"x"', b'[{"user": {"id":'])
def test_a_page_with_a_row_that_is_nobody_is_not_everybody(world: World, odd: bytes) -> None:
    before = log_of(world)
    with FakeDiscord(world.guild) as fake, pointed_at(fake.api_url, fake.gateway_url):
        fake.odd = {MEMBERS: Odd(odd)}
        with pytest.raises(DiscordUnavailable, match=r"the members .* not what it documents"):
            asyncio.run(listener_begins(world))
    assert log_of(world) == before
