"""The page of a projection that is split shows where each of its lanes stands."""

import re

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from tests.lanes.halves import halves, history, split_members
from tests.web.conftest import Started, Visitor


def lanes(visitor: Visitor) -> dict[str, list[str]]:
    """What the page of `members` shows of each: position, how many wait, who leads it."""
    text = visitor.get("/projections/members").text
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(<td><b>lane .*?)</tr>", text)]
    words = [[re.sub("<[^>]+>", "", cell) for cell in row] for row in rows]
    return {lane: [position, waiting, leader.split("@")[0]] for lane, position, waiting, leader, _ in words}


def test_lanes_that_stand_apart_are_shown_with_where_each_stands(start: Started, database: Database) -> None:
    visitor = start().signed_in()
    assert "Lanes of members" not in visitor.get("/projections/members").words
    split_members(database)
    (*_, head) = history(LedgerScenario(database))
    with halves(database) as (low, high):
        low.step()
        apart = visitor.get("/projections/members").words
        assert f"They stand apart, from 0 to {head}." in apart
        shown = lanes(visitor)
        assert len(shown) == 16
        assert shown["lane 7"][:2] == [str(head), "0"]
        assert shown["lane 8"][:2] == ["0", str(head)]
        assert "nobody" not in {leader for _, _, leader in shown.values()}
        high.step()
        assert f"All 16 stand at {head}." in visitor.get("/projections/members").words


def test_a_lane_that_nobody_leads_says_so(start: Started, database: Database) -> None:
    split_members(database)
    assert lanes(start().signed_in())["lane 7"] == ["0", "0", "nobody"]
