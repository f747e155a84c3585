"""A rule about both platforms, and the page that shows it."""

import re
from pathlib import Path

import pytest

from temple_ledger import LedgerScenario, Specification, at, ended, left, pledged, role_added
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from tests.examples.supporters import SUPPORTER, Supporter, supporters

PAGE = Path(__file__).parents[2] / "docs" / "discord-with-patreon.md"


@pytest.fixture
def spec() -> Specification[Supporter]:
    return Specification(supporters)


def test_who_pays_waits_for_the_role_since_the_first_payment(spec: Specification[Supporter]) -> None:
    spec.given(pledged("ada", "Gold", at(1)))
    spec.when(pledged("ada", "Silver", at(5)))
    spec.then_row("ada", Supporter(tier="Silver", waits_since=at(1)))


def test_the_role_ends_the_waiting_and_leaving_begins_it_again(spec: Specification[Supporter]) -> None:
    spec.given(pledged("ada", "Gold", at(1)), role_added("ada", SUPPORTER, at(2)), role_added("ada", "other", at(3)))
    spec.then_row("ada", Supporter(tier="Gold", has_role=True))
    spec.when(left("ada", at(4)))
    spec.then_row("ada", Supporter(tier="Gold", waits_since=at(4)))


def test_who_does_not_pay_waits_for_nothing(spec: Specification[Supporter]) -> None:
    spec.given(pledged("ada", "Gold", at(1)))
    spec.when(ended("ada", when=at(2)))
    spec.then_row("ada", Supporter())


def test_the_queries_of_the_page_run(database: Database) -> None:
    ledger = LedgerScenario(database)
    ledger.given(pledged("1", "Gold", at(1)), pledged("patreon:7", "Gold", at(1)), role_added("2", SUPPORTER, at(1)))
    ledger.catch_up()
    queries = re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    with database.connect(DatabaseRole.READ) as connection:
        found = [connection.execute(query.encode()).fetchall() for query in queries]
    assert found == [[("1", "Gold", at(1))], [("2", at(1))], [(1,)]]


def test_the_page_shows_the_example_as_it_is() -> None:
    code = Path(__file__).with_name("supporters.py").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)\n```", PAGE.read_text("utf-8"), re.DOTALL)
    assert blocks
    assert [block for block in blocks if block.strip() not in code] == []
