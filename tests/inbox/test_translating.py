"""Translating deliveries into events."""

from infrastructure.database.connection import Database
from infrastructure.inbox.translating import Stepped, Translating
from tests.inbox.facts import Bells, delivery, kept, rows
from tests.log.facts import rows as log_rows


def test_a_delivery_that_can_not_be_translated_fails_and_the_others_go_on(database: Database) -> None:
    Bells.table(database)
    kept(database, *[delivery(body) for body in ("ada", "eve!", "?", "test", "bob")])
    with Translating(database, Bells()) as translating:
        assert translating.step() == Stepped(deliveries=5, events=2, failed=1, drained=True)
    assert rows(database, "state") == ["translated", "failed", "unparseable", "set_aside", "translated"]
    assert "eve" not in rows(database, "note")[1]
    assert log_rows(database, "user_id") == ["ada", "bob"]
