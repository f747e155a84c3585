"""Whatever a signed delivery holds is answered, stored as it came, and holds up nothing that comes after it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
from temple_ledger.infrastructure.sources.patreon.translator import PatreonTranslator
from tests.patreon.bodies import ACOLYTE, OTHER, OTHER_DISCORD, OTHER_MEMBER, START, encoded, member_document
from tests.patreon.feed import Feed
from tests.payloads.places import changed, places
from tests.payloads.values import BODIES, VALUES
from tests.webhooks.builders import Receiver, receiver, rows, signed

LARGE = 10_000
"""Characters; of these values some places stand for all."""


@pytest.fixture
def ours(database: Database) -> Iterator[Receiver]:
    with receiver(database) as running:
        yield running


def translate(database: Database) -> None:
    worker = TranslationWorker(database, PatreonTranslator(asks=False))
    while not worker.step().drained:
        pass
    worker.close()


def then_a_good_one_is_translated(database: Database) -> None:
    feed = Feed(database)
    feed.update(ACOLYTE, member=OTHER_MEMBER, user=OTHER, discord=OTHER_DISCORD)
    assert [each.action for each in feed.told() if each.user_id == OTHER_DISCORD] == ["started"]
    feed.close()


def test_every_body_is_answered_and_kept_as_it_came(ours: Receiver, database: Database) -> None:
    answers = {name: ours.send(body).code for name, body in BODIES.items()}
    kept = [body for name, body in BODIES.items() if answers[name] == 200]
    assert set(answers.values()) == {200}
    assert rows(database, "body") == kept
    translate(database)
    assert "waiting" not in rows(database, "state")
    then_a_good_one_is_translated(database)


@pytest.mark.parametrize("value", [b"\xff" * 50, b"posts:publish\x00", b"members:create, members:delete", b""])
def test_every_trigger_is_answered_and_kept(ours: Receiver, database: Database, value: bytes) -> None:
    body = encoded(member_document(ACOLYTE))
    headers = [(name, given.encode()) for name, given in signed(body).items() if name != "X-Patreon-Event"]
    code = ours.send(body, [*headers, ("X-Patreon-Event", value)] if b"\0" not in value else headers).code
    assert code == 200
    translate(database)
    assert rows(database, "state") != ["waiting"]
    then_a_good_one_is_translated(database)


def test_every_value_at_every_place_of_a_member_is_translated_or_set_aside(database: Database) -> None:
    document = member_document(ACOLYTE)
    paths = list(places(document))
    bodies = [
        changed(document, path, value).encode()
        for value in VALUES.values()
        for path in (paths if len(value) < LARGE else paths[:: len(paths) // 3])
    ]
    kind = "members:update"
    with database.connect(DatabaseRole.APPEND) as connection:
        deliveries = [
            Delivery("patreon", kind, body, digest_of(kind.encode(), body), START + timedelta(seconds=number))
            for number, body in enumerate(bodies)
        ]
        store(connection, deliveries)
    translate(database)
    states = rows(database, "state")
    assert (len(states) > 500, "waiting" in states) == (True, False)
    then_a_good_one_is_translated(database)
