"""docs/rollups.md shows code that works."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

from temple_ledger import Database, LedgerScenario, Specification, at
from tests.examples.points import MemberWarned, points_by_moderator, warned_by_day, warnings

PAGE = Path(__file__).parents[2] / "docs" / "rollups.md"


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


def test_the_page_shows_this_code() -> None:
    code = Path(__file__).with_name("points.py").read_text() + Path(__file__).read_text()
    blocks = re.findall(r"```python\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    assert blocks
    assert [block for block in blocks if block.strip() not in code] == []
