"""One broken package, and every command goes on with the rest and says so."""

from collections.abc import Iterator

import pytest
from prometheus_client import generate_latest

from temple_ledger import Specification
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.observability.metrics.loading import expose_not_loaded
from temple_ledger.infrastructure.observability.metrics.registry import new_registry
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections import registry
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined
from tests.cli.conftest import Typed
from tests.examples.grants import grants
from tests.examples.installing import install_points
from tests.queries.builders import altered

ENTRY_POINTS = {
    registry.EVENTS: {"lost": "broken_package:EVENTS"},
    registry.PROJECTIONS: {"tabs": "broken_package:tabs", "grants": "tests.examples.grants:grants"},
}
REASON = "projection tabs (broken_package:tabs) cannot be loaded: ImportError: it is half installed"
"""And then, in brackets, file, line and function."""
PLACE = "broken_package.py:1 in <module>)"


@pytest.fixture(autouse=True)
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("packages") / "site"
    code = 'raise ImportError("it is half installed")'
    monkeypatch.syspath_prepend(install_points(folder, ENTRY_POINTS, broken_package=code))
    registry.loaded.cache_clear()
    yield
    registry.loaded.cache_clear()


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    """`tabs` was there before its package broke: it has a checkpoint."""
    bring_up_to_date(database)
    altered(database, "insert into projection_checkpoint (projection, version, active) values ('tabs', 1, true)")
    with pytest.warns(RuntimeWarning, match="half installed"):
        found = LedgerScenario(database)
    found.given(joined("ada", at(1)))
    return found


def test_run_folds_the_others_takes_no_lease_and_exits_1(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("run", "--until-caught-up")
    assert (ended.code, REASON in ended.stderr) == (1, True)
    positions = {
        each["name"]: (each["position"], each["state"]) for each in temple("projection", "list", "--json").data
    }
    assert positions == {
        "members": (1, "idle"),
        "activity": (1, "idle"),
        "role_periods": (1, "idle"),
        "grants": (1, "idle"),
        "tabs": (0, "not loaded"),
    }


def test_run_of_a_named_one_does_not_mind(temple: Typed, ledger: LedgerScenario) -> None:
    assert temple("run", "--until-caught-up", "members").code == 0
    ended = temple("run", "--until-caught-up", "tabs")
    assert ended.code == 1
    assert ended.stderr.startswith(f"temple: {REASON} (")
    assert ended.stderr.strip().endswith(PLACE)


@pytest.mark.parametrize("verb", ["verify", "repair", "reconcile"])
def test_what_was_not_compared_is_not_called_right(temple: Typed, ledger: LedgerScenario, verb: str) -> None:
    temple("run", "--until-caught-up")
    ended = temple(verb)
    assert (ended.code, REASON in ended.stderr) == (3, True)
    assert "members" in ended.stdout
    assert temple(verb, "members").code == 0


def test_replay_goes_on_with_the_rest(temple: Typed, ledger: LedgerScenario) -> None:
    temple("run", "--until-caught-up")
    ended = temple("replay", "--dry-run")
    assert (ended.code, REASON in ended.stderr) == (0, True)
    assert "grants: 0 events folded" in ended.stdout


def test_status_and_doctor_show_it(temple: Typed, ledger: LedgerScenario) -> None:
    temple("run", "--until-caught-up")
    assert REASON in temple("status").stdout
    doctor = temple("doctor", "--json")
    found = [each for each in doctor.data if each["check"] == "package of tabs"]
    assert doctor.code == 3
    assert [(each["outcome"], each["found"].partition(" (/")[0]) for each in found] == [("fail", REASON)]


def test_one_that_never_had_a_checkpoint_is_listed_too(temple: Typed, database: Database) -> None:
    bring_up_to_date(database)
    found = temple("projection", "list", "--json").data
    [reason] = [each["reason"] for each in found if (each["name"], each["state"]) == ("tabs", "not loaded")]
    assert reason.startswith(REASON.partition("loaded: ")[2])
    assert reason.endswith(PLACE)
    assert REASON in temple("projection", "list").stderr


def test_an_import_says_that_events_of_the_package_are_not_checked(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("events", "import", "-", stdin=b"")
    assert "events lost (broken_package:EVENTS) cannot be loaded" in ended.stderr
    assert "its events are imported unchecked" in ended.stderr


def test_it_has_a_metric() -> None:
    measured = new_registry()
    expose_not_loaded(measured, registry.not_loaded())
    assert b'ledger_package_not_loaded{kind="projection",name="tabs"} 1.0' in generate_latest(measured)


def test_whoever_tests_a_projection_is_warned_that_a_package_is_missing() -> None:
    with pytest.warns(RuntimeWarning, match="half installed"):
        Specification(members)


def test_the_kit_is_silent_with_a_catalogue_of_its_own(recwarn: pytest.WarningsRecorder) -> None:
    Specification(grants, catalogue=registry.catalogue())
    assert not recwarn.list
