"""docs/rollups.md, docs/effects.md and docs/feed.md show code that works."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from temple_ledger import Change, Database, DatabaseRole, Ledger, LedgerScenario, Message, Reset, Specification, at
from tests.examples.points import MemberWarned, follow, points_by_moderator, warned_by_day, warnings

DOCS = Path(__file__).parents[2] / "docs"


def warned(who: str, hours: float, by: str, points: int = 1) -> MemberWarned:
    return MemberWarned(user_id=who, occurred_at=at(hours), source="bot", by=by, points=points)


def test_points_are_the_last_moderators() -> None:
    spec = Specification(warnings)
    spec.given(warned("ada", 1, by="eve", points=3), warned("bob", 2, by="eve"))
    spec.then_rollup(points_by_moderator, [("eve", 2, Decimal(4), at(2))])
    spec.when(warned("ada", 3, by="mallory"))
    spec.then_rollup(points_by_moderator, [("eve", 1, Decimal(1), at(2)), ("mallory", 1, Decimal(4), at(3))])


def test_they_are_so_on_a_database(database: Database) -> None:
    ledger = LedgerScenario(database, projections=(warnings,))
    ledger.given(warned("ada", 1, by="eve", points=3), warned("bob", 30, by="eve"))
    ledger.then_rollup(warned_by_day, [(date(2026, 1, 1), 1), (date(2026, 1, 2), 1)])


def test_moderators_are_notified_once() -> None:
    spec = Specification(warnings)
    spec.given(warned("ada", 1, by="eve", points=9))
    spec.when(warned("ada", 2, by="eve", points=2), warned("ada", 3, by="eve", points=5))
    spec.then_sent("notify_moderators", [Message("moderators", {"content": "<@ada> has 11 points"})])


def test_they_are_so_on_a_database_where_the_event_is_of_now(database: Database) -> None:
    ledger = LedgerScenario(database, projections=(warnings,))
    now = datetime.now(UTC)
    ledger.given(MemberWarned(user_id="ada", occurred_at=now, source="bot", by="eve", points=12))
    ledger.given(warned("bob", 1, by="eve", points=12))
    ledger.then_sent(warnings, "notify_moderators", [Message("moderators", {"content": "<@ada> has 12 points"})])


def test_a_consumer_holds_the_points_of_everybody(database: Database) -> None:
    scenario = LedgerScenario(database, projections=(warnings,))
    scenario.given(warned("ada", 1, by="eve", points=3))
    scenario.catch_up()
    points: dict[str, int] = {}
    with Ledger(database.dsn, projections=[warnings], catalogue=scenario.catalogue) as ledger:
        follow(ledger, points, follow=False)
        assert points == {"ada": 3}
        scenario.given(warned("ada", 2, by="eve", points=4), warned("bob", 2, by="eve"))
        scenario.catch_up()
        follow(ledger, points, follow=False)
    assert points == {"ada": 7, "bob": 1}


def once(ledger: Ledger, database: Database) -> None:
    """Each change exactly once: the position moves in the transaction that uses it."""
    feed = ledger.changes("example_warnings", consumer="once")
    with database.connect(DatabaseRole.LOGIN) as connection, feed:
        for item in feed:
            with connection.transaction():
                connection.execute("insert into shop_points (item) values (%s)", (repr(item),))
                feed.commit(item, connection)


def test_what_was_not_expected_is_shown() -> None:
    spec = Specification(warnings).given(warned("ada", 2, by="eve", points=12))
    with pytest.raises(AssertionError, match=r"(?s)messages of notify_moderators.*\+ .*<@ada> has 12 points"):
        spec.then_sent("notify_moderators", [])
    with pytest.raises(AssertionError, match="example_warnings has no effect 'nobody'"):
        spec.then_sent("nobody", [])


@pytest.mark.parametrize("page", ["rollups.md", "effects.md", "feed.md"])
def test_the_page_shows_this_code(page: str) -> None:
    code = Path(__file__).with_name("points.py").read_text() + Path(__file__).read_text()
    blocks = re.findall(r"```python\n(.*?)\n```", (DOCS / page).read_text(), re.DOTALL)
    assert blocks
    assert [block for block in blocks if block.strip() not in code] == []


HISTORY = [
    warned("ada", 1, by="eve"),
    warned("bob", 5, by="eve"),
    warned("ada", 3, by="eve"),
    warned("ada", 2, by="eve"),
]


def test_a_consumer_holds_the_same_however_the_changes_come() -> None:
    spec = Specification(warnings)
    spec.given(*HISTORY)
    spec.then_consumer(lambda ledger, points: follow(ledger, points, follow=False), {"ada": 3, "bob": 1}, new=dict)


def test_a_consumer_that_counts_what_comes_again_is_found() -> None:
    def adding(ledger: Any, points: dict[str, int]) -> None:
        with ledger.changes("example_warnings", consumer="shop") as feed:
            for item in feed:
                if isinstance(item, Reset) and item.after is not None:
                    points[item.user_id] = item.after.points
                if isinstance(item, Change):
                    before = 0 if item.before is None else item.before.points
                    points[item.user_id] = points.get(item.user_id, 0) + item.after.points - before

    spec = Specification(warnings)
    spec.given(*HISTORY)
    with pytest.raises(
        AssertionError, match=r"begun before everything; it ended after \d changes, of which \d came aga"
    ):
        spec.then_consumer(adding, {"ada": 3, "bob": 1}, new=dict)


def test_a_consumer_of_something_else_is_named() -> None:
    spec = Specification(warnings)
    spec.given(*HISTORY)
    with pytest.raises(AssertionError, match="shop reads the changes of members; this test is of example_warnings"):
        spec.then_consumer(lambda ledger, _: ledger.changes("members", consumer="shop"), {}, new=dict)
