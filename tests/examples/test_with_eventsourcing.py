"""The library `eventsourcing` on our log, as its page shows it."""

import re
from itertools import islice
from pathlib import Path

from temple_ledger import LedgerScenario, at, joined
from temple_ledger.infrastructure.database.connection import Database
from tests.examples.with_eventsourcing import count_grants, fold_members, follow, follow_newest, grant, ledger_at

PAGE = Path(__file__).parents[2] / "docs" / "eventsourcing.md"
SECONDS = 60.0


def test_what_is_saved_is_followed_and_saved_once(database: Database) -> None:
    with ledger_at(database.dsn) as ledger:
        first = grant(ledger, "ada", "Oracle", at(1))
        assert grant(ledger, "ada", "Oracle", at(1)) == first
        second = grant(ledger, "bob", "Oracle", at(2))
        assert list(islice(follow(ledger, after=0), 2)) == [(first, "RoleAdded"), (second, "RoleAdded")]


def test_a_projection_of_the_library_has_its_rows_in_the_ledger(database: Database) -> None:
    with ledger_at(database.dsn) as ledger, count_grants(database.dsn) as runner:
        ledger.save(joined("ada"))
        grant(ledger, "ada", "Oracle", at(1))
        runner.wait(grant(ledger, "bob", "Oracle", at(2)), timeout=SECONDS)
        assert runner.view.grants("Oracle") == 2


def test_a_view_may_be_elsewhere(database: Database) -> None:
    with ledger_at(database.dsn) as ledger, follow_newest(database.dsn) as runner:
        grant(ledger, "ada", "Oracle", at(1))
        runner.wait(grant(ledger, "bob", "Oracle", at(2)), timeout=SECONDS)
        assert runner.view.user_id == "bob"


def test_a_projection_of_ours_has_the_same_rows(database: Database) -> None:
    with ledger_at(database.dsn) as ledger, fold_members(database.dsn) as runner:
        runner.wait(grant(ledger, "ada", "Oracle", at(1)), timeout=SECONDS)
    LedgerScenario(database).then_roles("ada", ["Oracle"])


def test_the_page_shows_the_example_as_it_is() -> None:
    code = Path(__file__).with_name("with_eventsourcing.py").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)\n```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 6
    assert [block for block in blocks if block.strip() not in code] == []
