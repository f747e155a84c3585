"""An event as a sentence: who did what to whom, why, and what it follows from."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from temple_ledger.domain.events import RoleRemoved
from temple_ledger.domain.position import Position
from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.queries.attribution import AttributedEvent
from temple_ledger.infrastructure.queries.causes import causes_of
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.events import ALL, newest
from temple_ledger.infrastructure.queries.role_directory import NamedRole, RoleDirectory
from temple_ledger.infrastructure.queries.sentence import LONGEST, Actor, Narrator, Person, Tone
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import DAY_ONE, at, changed_tier, joined, pledged, role_added
from tests.queries.builders import append, append_twice, role_deleted

ADA, BOB, ORACLE, PATREON = "ada", "bob", "400", "216303189073461248"
ACTORS = {PATREON: Actor("Patreon", "patreon_membership")}
NARRATOR = Narrator(RoleDirectory([NamedRole(ORACLE, "Oracle", False)]), ACTORS)


def event(kind: str, target: str | None = None, *, user_id: str = ADA, **metadata: Any) -> Recorded:
    event_type, action = kind.split("/")
    return Recorded(Position(1), DAY_ONE, event_type, user_id, action, target, json.dumps(metadata), "test")


def words(recorded: Recorded) -> str:
    return NARRATOR.sentence(AttributedEvent(recorded)).text()


@pytest.mark.parametrize(
    ("recorded", "sentence"),
    [
        (event("discord_join/joined"), "ada joined"),
        (event("discord_leave/left"), "ada left"),
        (event("discord_leave/left", by=BOB, how="kick", reason="rules"), "bob kicked ada “rules”"),
        (event("discord_leave/left", by=BOB, reason="ban"), "bob banned ada"),
        (event("discord_leave/left", how="prune"), "somebody pruned ada"),
        (event("discord_role_change/added", ORACLE), "somebody gave Oracle to ada"),
        (event("discord_role_change/added", ORACLE, granted_by=BOB, reason="won"), "bob gave Oracle to ada “won”"),
        (event("discord_role_change/added", ORACLE, granted_by=ADA), "ada took Oracle"),
        (event("discord_role_change/added", ORACLE, granted_by=PATREON), "Patreon gave Oracle to ada"),
        (event("discord_role_change/added", "401"), "somebody gave 401 to ada"),
        (event("discord_role_change/removed", ORACLE, by=BOB), "bob removed Oracle from ada"),
        (event("discord_role_change/removed", ORACLE, by=ADA), "ada dropped Oracle"),
        (event("discord_role_change/removed", ORACLE, how="role deleted"), "ada lost Oracle: the role was deleted"),
        (event("patreon_membership/started", "Gold"), "ada became a patron: Gold"),
        (event("patreon_membership/started"), "ada became a patron, without a tier"),
        (event("patreon_membership/changed", "Gold"), "ada now pays for Gold"),
        (event("patreon_membership/changed"), "ada has no paid tier any more"),
        (event("patreon_membership/declined"), "the payment of ada was declined"),
        (event("patreon_membership/declined", "Gold"), "the payment of ada was declined; they keep Gold for now"),
        (event("patreon_membership/ended"), "ada stopped paying"),
        (event("member_inactivity/marked", after_days=14), "ada was marked inactive"),
        (event("discord_role/created", ORACLE, name="Seer", user_id="guild"), "the role Seer was created"),
        (event("discord_role/deleted", ORACLE, user_id="guild", by=BOB), "bob deleted the role Oracle"),
        (
            event("discord_role/renamed", ORACLE, name="Seer", old_name="Oracle"),
            "ada renamed the role Seer from “Oracle”",
        ),
        (event("shop_order/paid", "42"), "ada: shop order paid “42”"),
    ],
)
def test_each_kind_of_event_has_its_sentence(recorded: Recorded, sentence: str) -> None:
    assert words(recorded) == sentence


@pytest.mark.parametrize("metadata", [None, "[]", '"x"', "9" * 5_000, '{"reason": 5, "granted_by": []}'])
def test_metadata_that_is_no_object_or_that_nobody_can_read_names_nobody(metadata: str | None) -> None:
    recorded = event("discord_role_change/added", ORACLE)._replace(metadata_text=metadata)
    assert words(recorded) == "somebody gave Oracle to ada"


def test_what_somebody_wrote_is_shortened_and_otherwise_left_as_it_is() -> None:
    evil = "<b>\u202e\x1b[2J\n"
    said = words(event("discord_role_change/added", ORACLE, granted_by=BOB, reason=evil + "x" * 100_000))
    assert said.startswith(f"bob gave Oracle to ada “{evil}xxx")
    assert len(said) < LONGEST + 100


def test_who_did_it_may_be_said_by_a_later_event() -> None:
    first = event("discord_role_change/added", ORACLE)
    later = event("discord_role_change/added", ORACLE, granted_by=BOB, reason="won")
    sentence = NARRATOR.sentence(AttributedEvent(first, later))
    assert sentence.text() == "bob gave Oracle to ada “won”"
    assert list(sentence.people()) == [BOB, ADA]
    assert sentence.tone is Tone.GAINED
    assert sentence.text(lambda user_id: user_id.title()) == "Bob gave Oracle to Ada “won”"
    assert Person(ADA) in sentence.parts


def granted(ledger: LedgerScenario, when: datetime, by: str = PATREON) -> Position:
    return append(ledger, role_added(ADA, ORACLE, when, by=by), granted_by=by)[1]


def test_what_the_bot_of_a_source_does_follows_from_the_newest_event_of_its_platform(
    database: Database,
) -> None:
    ledger = LedgerScenario(database)
    ledger.given(joined(ADA, at(1)), pledged(ADA, "Gold", at(2)), pledged(BOB, "Gold", at(4)))
    ledger.given(changed_tier(ADA, "Silver", at(3)))
    follows = granted(ledger, at(4))
    by_a_person = granted(ledger, at(5), by=BOB)
    long_after = granted(ledger, at(3) + timedelta(days=2))
    with snapshot(database) as connection:
        rows = connection.execute(
            "select id, timestamp, event_type, user_id, action, target, metadata::text, source from webhook_audit_log"
        )
        facts = [AttributedEvent(Recorded(*row)) for row in rows]
        causes = causes_of(connection, facts, ACTORS)
    assert {position: NARRATOR.because(cause).text() for position, cause in causes.items()} == {
        follows: "now pays for Silver"
    }
    assert {by_a_person, long_after} & set(causes) == set()


def test_that_a_role_ended_with_its_deletion_follows_from_who_deleted_it(database: Database) -> None:
    ledger = LedgerScenario(database)
    lost = RoleRemoved(user_id=ADA, occurred_at=at(5), source="test", role=ORACLE, how="role deleted")
    append_twice(ledger, role_deleted(ORACLE, at(5)), by=BOB)
    other = append(ledger, role_deleted("401", at(5)))[1]
    position = append(ledger, lost)[1]
    nobody_known = append(ledger, lost.model_copy(update={"role": "401"}))[1]
    with snapshot(database) as connection:
        facts = [AttributedEvent(each) for each in newest(connection, ALL, limit=9)]
        causes = causes_of(connection, facts, ACTORS)
    assert {place: NARRATOR.sentence(AttributedEvent(cause)).text() for place, cause in causes.items()} == {
        position: "bob deleted the role Oracle"
    }
    assert {other, nobody_known} & set(causes) == set()
