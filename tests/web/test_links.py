"""Every link of every page leads to a page that is there, whatever the ledger has."""

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.infrastructure.web.rights import Right
from temple_ledger.projections.testing.histories import at, role_added
from tests.queries.builders import append
from tests.web.conftest import ADA, EVE, SEER, Started
from tests.web.crawling import broken_links, kind_of
from tests.web.test_hostile import hostile
from tests.web.test_rights import whole

__all__ = ["hostile", "whole"]

NOBODY = "500000000000000009"
OPERATOR = "500000000000000008"


def test_every_link_of_every_page_leads_to_a_page(start: Started, whole: Database, ledger: LedgerScenario) -> None:
    with whole.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(
            "insert into ledger_operation (kind, performed_by, reason) values ('pause', %s, 'to look at it')",
            [f"discord:{OPERATOR}"],
        )
    broken, kinds = broken_links(start(allow_actions=True).signed_in(), of_a_kind=5)
    assert broken == []
    assert kind_of(f"/members/{ADA}") in kinds
    assert kind_of("/actions/skip?projection=members&position=1") in kinds


def test_whoever_may_only_read_is_shown_no_action(start: Started, whole: Database, ledger: LedgerScenario) -> None:
    broken, kinds = broken_links(start(allow_actions=True).signed_in(Right.READ), of_a_kind=3)
    assert broken == []
    assert [each for each in kinds if each.startswith("/actions")] == []


def test_every_link_of_a_hostile_ledger_leads_to_a_page(start: Started, hostile: LedgerScenario) -> None:
    broken, kinds = broken_links(start(allow_actions=True).signed_in(), of_a_kind=20)
    assert broken == []
    assert len(kinds) > 20


def test_whoever_only_gave_roles_or_only_operated_has_a_page(start: Started, ledger: LedgerScenario) -> None:
    append(ledger, role_added(ADA, SEER, at(9), by=NOBODY), granted_by=NOBODY, reason="helped")
    ledger.catch_up()
    visitor = start().signed_in()
    page = visitor.get(f"/members/{NOBODY}")
    assert page.status == 200
    assert "Nothing in the log is about them" in page.words
    assert f"{NOBODY} gave Seer to Ada Lovelace helped" in page.words
    assert visitor.get(page.link("All")).status == 200
    assert visitor.get(f"/members/{NOBODY}?as_of=2026-01-01").status == 404
    assert "They are known by what they did" in visitor.get(f"/members/{EVE}").words


@pytest.mark.parametrize("user_id", ["nobody", "500000000000000007", ""])
def test_whoever_did_nothing_and_to_whom_nothing_happened_has_none(
    start: Started, ledger: LedgerScenario, user_id: str
) -> None:
    assert start().signed_in().get(f"/members/{user_id}").status == 404
