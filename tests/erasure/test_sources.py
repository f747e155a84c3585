"""What sources store of a person goes too, and what they have sent already brings nobody back."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.processes.personal_tables import personal_tables
from temple_ledger.infrastructure.read_models.erasure.preview import preview_erasure
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from tests.discord.world import World, new_guild
from tests.erasure.builders import erased, found_in, guessed
from tests.patreon.bodies import DISCORD, IRIS, MEMBER, NOVICE, ORACLE, OTHER_DISCORD, member_document
from tests.patreon.feed import Feed


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        made = World(database, connection, new_guild(4, ["Oracle", "Seeker"]))
        made.guild.wait(60)
        made.line.open()
        made.catch_up()
        yield made
        made.close()


@pytest.fixture
def feed(database: Database) -> Iterator[Feed]:
    fed = Feed(database)
    yield fed
    fed.close()


def test_a_member_of_the_guild_is_gone_from_every_table_of_discord(world: World) -> None:
    ada, (oracle, seeker) = world.guild.draw(), world.guild.roles
    world.guild.wait(5)
    world.line.send(world.guild.join(ada))
    world.guild.wait(5)
    world.line.send(world.guild.change_roles(ada, add=[oracle]), entries="late")
    world.drain()
    world.guild.wait(20)
    world.line.hand_over_late(backwards=False)
    world.line.send(world.guild.change_roles(ada, add=[seeker]))
    world.drain()
    world.line.send(world.guild.leave(ada))
    world.drain()
    ledger = LedgerScenario(world.database)
    ledger.catch_up()
    sequences = [f"frame:{world.line.session}:{number}:add:{role}" for number in range(20) for role in (oracle, seeker)]
    ids = [*world.guild.members, ada]
    assert ada in guessed(world.database, ids, sequences)
    before = _events(world.database)
    erased(world.database, ada)
    world.drain()
    assert _events(world.database) == before > 0
    assert found_in(world.database, ada) == set()
    assert ada not in guessed(world.database, ids)
    ledger.then_verified()


def test_what_waits_to_be_translated_brings_nobody_back(world: World) -> None:
    ada = world.guild.draw()
    world.guild.wait(5)
    world.line.send(world.guild.join(ada))
    preview = preview_erasure(world.database, ada, BUILT_IN, personal_tables(), catalogue=CATALOGUE)
    assert (preview.own, preview.untranslated) == (0, preview.deliveries)
    assert preview.untranslated > 0
    erased(world.database, ada)
    world.drain()
    assert [each for each in world.events() if each.user_id == ada] == []
    assert found_in(world.database, ada) == set()


def test_a_patron_is_gone_under_every_id_that_patreon_has(feed: Feed, database: Database) -> None:
    feed.update(NOVICE, discord=None)
    feed.update(ORACLE)
    feed.later(days=1)
    feed.update(NOVICE, member="5c0e7a52-6f0e-4f4e-9f43-0a7a3c1d2e09", user="55501299", discord=OTHER_DISCORD)
    ledger = LedgerScenario(database)
    ledger.catch_up()
    preview = preview_erasure(database, DISCORD, BUILT_IN, personal_tables(), catalogue=CATALOGUE)
    assert set(preview.ids) == {DISCORD, IRIS, f"patreon:{IRIS}", MEMBER}
    assert DISCORD in guessed(database, [DISCORD, OTHER_DISCORD])
    others = [each for each in feed.told() if each.user_id == OTHER_DISCORD]
    erased(database, DISCORD)
    assert found_in(database, DISCORD, IRIS, MEMBER) == set()
    assert guessed(database, [DISCORD, OTHER_DISCORD, f"patreon:{IRIS}"]) == {OTHER_DISCORD}
    assert [each for each in feed.told() if each.user_id == OTHER_DISCORD] == others
    assert [each.user_id.split(":")[0] for each in feed.told() if "erased" in each.user_id].count("patreon") == 2
    ledger.then_verified()


def test_the_same_person_is_found_by_the_number_of_patreon(feed: Feed, database: Database) -> None:
    feed.update(NOVICE)
    preview = preview_erasure(database, f"patreon:{IRIS}", BUILT_IN, personal_tables(), catalogue=CATALOGUE)
    assert set(preview.ids) == {DISCORD, IRIS, f"patreon:{IRIS}", MEMBER}


def test_a_delivery_that_failed_is_emptied_and_not_tried_again(database: Database) -> None:
    body = json.dumps(member_document(NOVICE)).encode()
    with database.connect(DatabaseRole.TRANSLATE) as connection:
        store(connection, [Delivery("patreon", "members:update", body, digest_of(b"", body), datetime.now(UTC))])
        connection.execute("update inbox set state = 'failed', note = 'ValueError'")
    erased(database, DISCORD)
    with database.connect(DatabaseRole.OWNER) as owner:
        assert owner.execute("select state, note, size, details from inbox").fetchall() == [
            ("set_aside", "erased", 0, {})
        ]
    assert found_in(database, DISCORD, digest_of(b"", body).hex()) == set()


def _events(database: Database) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select count(*) from webhook_audit_log").fetchone()
        return int(row[0]) if row is not None else 0
