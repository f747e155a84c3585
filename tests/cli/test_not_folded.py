"""A verb that answers from tables which are behind the log says so: each verb that reads is listed, with how."""

from typing import Final

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, pledged, role_added
from tests.cli.conftest import Typed
from tests.cli.test_every_verb import Path_
from tests.cli.test_standby import READS, ROLE

WHO: Final = "500000000000000001"

BEHIND: Final[frozenset[Path_]] = frozenset(
    {
        ("member", "show"),
        ("member", "list"),
        ("role", "list"),
        ("role", "members"),
        ("projection", "rows"),
        ("patreon", "mismatches"),
        ("drift",),
    }
)
LAG: Final[frozenset[Path_]] = frozenset({("status",), *(("projection", each) for each in ("list", "show", "lanes"))})
"""Those show how far behind everything is."""
FROM_LOG: Final[frozenset[Path_]] = frozenset(
    {
        *(("members",), ("member", "history"), ("member", "explain")),
        # of the members that are behind, the log is folded
        *(("role", "history"), ("role", "diff")),
        *(("projection", "history"), ("projection", "explain"), ("projection", "check"), ("projection", "wait")),
        *(("events", each) for each in ("export", "list", "show", "tail", "imports")),
    }
)
NO_ROWS: Final[frozenset[Path_]] = frozenset(
    {
        ("member", "find"),  # names, which nobody folds
        *(("verify", "list"), ("verify", "show"), ("failures", "list"), ("failures", "show"), ("trigger", "status")),
        *(("seal", each) for each in ("status", "head", "export")),
        *(("effects", "list"), ("feed", "list"), ("operations", "list"), ("operations", "show")),
        *(("inbox", each) for each in ("list", "show", "sources")),
    }
)


@pytest.fixture
def behind(database: Database) -> Database:
    ledger = LedgerScenario(database)
    ledger.given(joined(WHO, at(1)), role_added(WHO, ROLE, at(2)), pledged(WHO, "Gold", at(2)))
    ledger.catch_up()
    ledger.given(role_added(WHO, "300000000000000001", at(3)))
    return database


def test_every_verb_that_reads_is_listed() -> None:
    lists = (BEHIND, LAG, FROM_LOG, NO_ROWS)
    assert frozenset(READS) == frozenset().union(*lists)
    assert len(READS) == sum(map(len, lists))


def test_a_verb_that_answers_from_tables_says_what_they_do_not_have(behind: Database, temple: Typed) -> None:
    for verb in sorted(BEHIND):
        ended = temple(*verb, *READS[verb], TEMPLE_TIER_ROLES=f"Gold={ROLE}")
        assert "1 event" in ended.stderr, (verb, ended.stderr)
        assert "not folded yet" in ended.stderr, verb


def test_an_answer_for_programs_says_so_too_beside_the_list_and_in_an_object(behind: Database, temple: Typed) -> None:
    for verb in sorted(BEHIND):
        asked = [each for each in READS[verb] if each != "--json"]
        ended = temple(*verb, *asked, "--json", TEMPLE_TIER_ROLES=f"Gold={ROLE}")
        assert "not folded yet" in ended.stderr, verb
    assert temple("member", "show", WHO, "--json").data["not_folded"] == 1
    assert temple("member", "show", WHO, "--as-of", "2027-01-01", "--json").data["not_folded"] == 0
