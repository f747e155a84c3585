"""Whatever Patreon's REST answers, the client says in a sentence that it cannot be read, or reads it."""

import asyncio
from collections.abc import Iterator

import pytest

from temple_ledger.domain.errors import PlatformUnavailable
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.sources.patreon.snapshot import take_snapshot
from temple_ledger.infrastructure.sources.patreon.webhooks import read_webhooks
from tests.fakes.patreon import FakePatreon, fake_patreon
from tests.patreon.bodies import ACOLYTE, CAMPAIGN, member_document
from tests.patreon.test_client import Clock, client
from tests.payloads.places import changed, places
from tests.payloads.values import BODIES, VALUES

LONGEST = 10_000
EVERY = 11
"""Of all pairs of a place and a value; another one of them each time a value comes."""


@pytest.fixture(scope="module")
def patreon() -> Iterator[FakePatreon]:
    with fake_patreon() as fake:
        yield fake


def answers() -> list[bytes]:
    found = list(BODIES.values())
    for document in (
        {"data": [member_document(ACOLYTE)["data"]], "included": member_document(ACOLYTE)["included"], "meta": {}},
        {"data": [{"type": "webhook", "id": "1", "attributes": {"paused": False, "triggers": ["members:create"]}}]},
    ):
        pairs = [(path, value) for value in VALUES.values() if len(value) < LONGEST for path in places(document)]
        found += [changed(document, path, value).encode() for path, value in pairs[::EVERY]]
    return found


def test_every_answer_is_read_or_refused_in_a_sentence(database: Database, patreon: FakePatreon) -> None:
    clock = Clock()
    patreon.forget()

    async def ask() -> int:
        refused = 0
        async with client(patreon, clock, None) as asked:
            for body in answers():
                for question in (
                    lambda: asked.members(CAMPAIGN, None),
                    lambda: asked.campaigns(),
                    lambda: read_webhooks(database, asked),
                    lambda: take_snapshot(database, asked, [CAMPAIGN], whole=True),
                ):
                    patreon.oddities.answers.append((200, body, "application/json"))
                    try:
                        await question()
                    except PlatformUnavailable:
                        refused += 1
                    patreon.oddities.answers.clear()
        return refused

    assert asyncio.run(ask()) > len(BODIES)
