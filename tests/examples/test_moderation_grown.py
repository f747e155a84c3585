"""The rollup, the effect and the consumer of a projection in its second version, by the kits and on a database."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from temple_ledger import Database, Ledger, LedgerScenario, Message, Specification, at, stored_row
from tests.examples.moderation_grown.moderation import (
    MemberWarned,
    Record,
    by_moderator,
    follow,
    moderation,
)


def warned(who: str, when: float | datetime, points: int = 1, by: str = "eve") -> MemberWarned:
    occurred_at = when if isinstance(when, datetime) else at(when)
    return MemberWarned(user_id=who, occurred_at=occurred_at, source="bot", by=by, points=points)


OLD = stored_row("moderation/warned", "ada", at(1), by="mallory")
"""As version 1 stored it."""


def test_by_the_kit_alone() -> None:
    spec = Specification(moderation)
    spec.given(OLD, warned("ada", 2, 8), warned("bob", 1, 2))
    spec.then_row("ada", Record(2, 9, "eve"))
    spec.then_rollup(by_moderator, [("eve", 2, Decimal(11))])
    spec.when(warned("ada", 3, 4, by="mallory"))
    spec.then_sent("notify_moderators", [Message("moderators", {"content": "<@ada> has 13 points"})])
    spec.then_rollup(by_moderator, [("eve", 1, Decimal(2)), ("mallory", 1, Decimal(13))])
    spec.then_consumer(lambda ledger, banned: follow(ledger, banned, follow=False), {"ada"}, new=set)


def test_on_a_database(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[moderation])
    ledger.given(OLD, warned("ada", datetime.now(UTC), 12), warned("bob", 1, 2))
    ledger.then_rollup(by_moderator, [("eve", 2, Decimal(15))])
    ledger.then_sent(moderation, "notify_moderators", [Message("moderators", {"content": "<@ada> has 13 points"})])
    banned: set[str] = set()
    how: dict[str, Any] = {"projections": [moderation], "catalogue": ledger.catalogue}
    with Ledger(database.dsn, **how) as program:
        follow(program, banned, follow=False)
        assert banned == {"ada"}
        ledger.when(warned("bob", 5, 9))
        ledger.then_row(moderation, "bob", Record(2, 11, "eve"))
        follow(program, banned, follow=False)
    assert banned == {"ada", "bob"}
