"""`temple projection rows, history, explain`: of every projection what `temple member` answers of one."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections import registry
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.testing.histories import at, joined, role_added, role_removed
from tests.cli.conftest import Typed
from tests.examples.grants import GRANTS, grants
from tests.queries.builders import altered

ADA = "500000000000000001"


@pytest.fixture
def ledger(database: Database, monkeypatch: pytest.MonkeyPatch) -> LedgerScenario:
    """`grants` is installed beside ours."""
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints(POINTS if group == POINTS[0].group else ()))
    registry.loaded.cache_clear()
    found = LedgerScenario(database, projections=[*BUILT_IN, grants])
    found.given(joined(ADA, at(1)), role_added(ADA, "Oracle", at(2)), role_added(ADA, "Oracle", at(30)))
    found.catch_up()
    return found


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    registry.loaded.cache_clear()


POINTS = [EntryPoint("grants", "tests.examples.grants:grants", registry.PROJECTIONS)]


def test_rows_are_the_stored_ones_and_as_of_a_time_those_of_the_log(temple: Typed, ledger: LedgerScenario) -> None:
    now = temple("projection", "rows", "grants", ADA, "--json").data
    assert now == {GRANTS.name: [{"role": "Oracle", "times": 2, "last_at": "2026-01-02T06:00:00.000000+00:00"}]}
    then = temple("projection", "rows", "grants", ADA, "--as-of", "2026-01-01", "--json").data
    assert [row["times"] for row in then[GRANTS.name]] == [1]
    known = temple("projection", "rows", "grants", ADA, "--known-at", "2026-01-01", "--json").data
    assert known == {GRANTS.name: []}
    printed = temple("projection", "rows", "grants", ADA).stdout
    assert GRANTS.name in printed
    assert "Oracle" in printed


def test_without_rows_it_says_why(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("projection", "rows", "grants", ADA, "--as-of", "2025-01-01")
    assert ended.code == 0
    assert f"grants has no row of {ADA}: no event of a known kind as of 2025-01-01" in ended.stdout


def test_rows_that_are_not_the_whole_story_say_so(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.given(role_added(ADA, "Seeker", at(40)))
    assert "1 event of this member not folded yet" in temple("projection", "rows", "grants", ADA).stderr
    altered(ledger.database, "update projection_checkpoint set state = 'needs replay' where projection = 'grants'")
    ended = temple("projection", "rows", "grants", ADA)
    assert "grants stands still (needs replay); run: temple replay grants --apply" in ended.stderr


def test_history_notes_what_this_projection_does_not_fold(temple: Typed, ledger: LedgerScenario) -> None:
    ledger.given(role_removed(ADA, "Oracle", at(40)))
    lines = temple("projection", "history", "grants", ADA).stdout.splitlines()
    assert [("not folded" in line) for line in lines[1:]] == [True, False, False, True]
    assert len(temple("projection", "history", "grants", ADA, "--json").data) == 4


def test_explain_names_the_event_behind_each_value(temple: Typed, ledger: LedgerScenario) -> None:
    found = temple("projection", "explain", "grants", ADA, "--json").data
    assert [(each["column"], each["value"], each["event"]["id"]) for each in found] == [
        ("times", 2, 3),
        ("last_at", "2026-01-02T06:00:00.000000+00:00", 3),
    ]
    assert "Oracle" in temple("projection", "explain", "grants", ADA).stdout
    then = temple("projection", "explain", "grants", ADA, "--as-of", "2026-01-01", "--json").data
    assert [each["event"]["id"] for each in then] == [2, 2]


@pytest.mark.parametrize("verb", ["rows", "history", "explain"])
def test_what_is_not_there_is_a_sentence(temple: Typed, ledger: LedgerScenario, verb: str) -> None:
    ended = temple("projection", verb, "grunts", ADA)
    assert (ended.code, ended.stderr) == (1, "temple: no projection 'grunts'; did you mean grants?\n")
    ended = temple("projection", verb, "grants", ADA[:-1])
    assert (ended.code, f"did you mean {ADA}?" in ended.stderr) == (1, True)
    ended = temple("projection", verb, "activity", ADA)
    assert (ended.code, "its counts are in the table webhook_activity_hourly" in ended.stderr) == (2, True)
