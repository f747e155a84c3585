"""Whatever a frame of the gateway holds, it is stored or passed over, and holds up nothing that comes after it."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery
from temple_ledger.infrastructure.sources.discord.frame_buffer import FrameBuffer
from temple_ledger.infrastructure.sources.discord.frame_writer import FrameWriter
from temple_ledger.infrastructure.sources.discord.gateway import GatewayClient
from tests.discord.world import World, new_guild
from tests.fakes.discord_guild import Dispatch
from tests.payloads.places import changed, places
from tests.payloads.values import BODIES, TIMES, VALUES

LARGE = 10_000


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        made = World(database, connection, new_guild(3, ["Oracle", "Seeker"]))
        made.guild.wait(60)
        made.line.open()
        made.catch_up()
        yield made
        made.close()


def received(texts: Sequence[str | bytes]) -> list[Delivery]:
    """What the client of the gateway makes of them, as the library hands them to it."""
    found: list[Delivery] = []
    client = GatewayClient(found.append)
    client.dispatch("socket_raw_receive", json.dumps({"op": 0, "t": "READY", "s": 1, "d": {"session_id": "a session"}}))
    for text in texts:
        client.dispatch("socket_raw_receive", text)
    return found


def written(database: Database, deliveries: Sequence[Delivery]) -> FrameWriter:
    """Stored by the one writer, as a listener does."""
    frames = FrameBuffer()
    writer = FrameWriter(database, frames, before_begin=lambda: None, begun=lambda: None, stored=lambda _: None)
    writer.start()
    for each in deliveries:
        frames.put(each)
    writer.finish()
    return writer


def dispatches(world: World) -> list[Dispatch]:
    """One of each kind that is translated."""
    guild = world.guild
    ada = guild.draw()
    found = [*guild.join(ada)]
    guild.wait(5)
    found += guild.change_roles(ada, add=[next(iter(guild.roles))])
    guild.wait(5)
    found += guild.leave(ada)
    return [*found, *guild.delete_role(next(iter(guild.roles))), guild.guild_create()]


def translated(world: World) -> list[Any]:
    for _ in range(10_000):
        stepped = world._worker.step()
        if stepped.drained and not stepped.deliveries:
            break
    with world.database.connect(DatabaseRole.READ) as connection:
        return connection.execute("select id from inbox where state = 'waiting'").fetchall()


def then_a_good_one_is_translated(world: World) -> None:
    bo = world.guild.draw()
    world.guild.wait(5)
    world.line.send(world.guild.join(bo))
    translated(world)
    with world.database.connect(DatabaseRole.READ) as connection:
        found = connection.execute("select action from webhook_audit_log where user_id = %s", (bo,)).fetchall()
    assert found == [("joined",)]


def test_every_value_at_every_place_of_every_frame_is_translated_or_set_aside(world: World) -> None:
    texts = []
    for number, dispatch in enumerate(dispatches(world), start=100):
        frame = {"op": 0, "t": dispatch.kind, "s": number, "d": dispatch.data}
        paths = list(places(frame))
        for value in (*VALUES.values(), *map(json.dumps, TIMES.values())):
            some = paths if len(value) < LARGE else paths[:: 1 + len(paths) // 3]
            texts += [changed(frame, path, value) for path in some]
    numbered = [text.replace('"s": 1', f'"s": {number}1', 1) for number, text in enumerate(texts)]
    deliveries = received([*numbered, *(body for body in BODIES.values())])
    writer = written(world.database, deliveries)
    assert (writer.count, writer.lost, len(deliveries) > 1_000) == (len(deliveries), 0, True)
    assert translated(world) == []
    then_a_good_one_is_translated(world)


@pytest.mark.parametrize("ready", [{"session_id": "%s", "s": 1}, {"session_id": "b", "s": "%s"}])
@pytest.mark.parametrize("value", [each for each in VALUES.values() if len(each) < 150_000] + ["9" * 140_000])
def test_no_session_and_no_number_holds_up_the_writer(database: Database, ready: dict[str, Any], value: str) -> None:
    frame = {"op": 0, "t": "READY", "s": ready["s"], "d": {"session_id": ready["session_id"]}}
    text = json.dumps(frame).replace('"%s"', value)
    member = json.dumps({"op": 0, "t": "GUILD_MEMBER_ADD", "s": 7, "d": {}})
    writer = written(database, received([text, member]))
    assert writer.lost == 0


def test_a_frame_that_the_database_refuses_holds_up_no_other(database: Database) -> None:
    member = json.dumps({"op": 0, "t": "GUILD_MEMBER_ADD", "s": 7, "d": {}})
    ready, one = received([member])
    refused = dataclasses.replace(one, origin="a\0b", digest=b"x" * 32)
    another = dataclasses.replace(one, digest=b"y" * 32)
    writer = written(database, [ready, one, refused, another])
    assert (writer.count, writer.lost) == (3, 1)
