"""Frames that are nearly Discord's: stored or passed over, translated or set aside, and none holds up another."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.sources.discord.frames import WANTED
from tests.discord.world import World, new_guild
from tests.payloads.fuzzing import bounded
from tests.payloads.places import changed, places
from tests.payloads.test_frames import dispatches, received, then_a_good_one_is_translated, translated, written
from tests.payloads.values import VALUES

WORDS = [
    "id",
    "user",
    "roles",
    "guild_id",
    "nick",
    "flags",
    "options",
    "changes",
    "key",
    "new_value",
    "$add",
    "s",
    "t",
    "d",
]
FRAMES_AT_ONCE = 20


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        made = World(database, connection, new_guild(3, ["Oracle", "Seeker"]))
        made.guild.wait(60)
        made.line.open()
        made.catch_up()
        yield made
        made.close()


def documents() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    ids = st.integers(0, 2**70).map(str)
    return st.recursive(
        leaves | ids,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
        max_leaves=8,
    )


@st.composite
def frames(draw: st.DrawFn, known: list[dict[str, Any]]) -> str:
    """One of those that are known with some values changed, or one of a known kind with anything in it."""
    if draw(st.booleans()):
        whole = {"op": 0, "t": draw(st.sampled_from(sorted(WANTED))), "s": draw(st.integers()), "d": draw(documents())}
        return json.dumps(whole)
    frame = draw(st.sampled_from(known))
    text = json.dumps(frame)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(frame))))
        small = st.sampled_from([value for value in VALUES.values() if len(value) < 6_000])
        text = changed(frame, path, draw(small | documents().map(json.dumps)))
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return text
        if not isinstance(found, dict):
            return text
        frame = found
    return text


def test_whatever_frames_come_none_holds_up_another(world: World) -> None:
    known = [
        {"op": 0, "t": each.kind, "s": number, "d": each.data}
        for number, each in enumerate(dispatches(world), start=100)
    ]

    @bounded(15)
    @given(texts=st.lists(frames(known), min_size=1, max_size=FRAMES_AT_ONCE))
    def receive(texts: list[str]) -> None:
        deliveries = received(texts)
        writer = written(world.database, deliveries)
        assert (writer.count, writer.lost) == (len(deliveries), 0)
        assert translated(world) == []

    receive()
    then_a_good_one_is_translated(world)
