"""`temple projection compare, switch, drop`, as an author of a new version types them: every step names the next."""

import sys
from collections.abc import Callable, Iterator

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections import registry
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from tests.cli.conftest import Typed
from tests.examples.installing import install_points

FIRST = {"standing": "tests.versions.standing:first"}
BOTH = {**FIRST, "standing-2": "tests.versions.standing:second"}
SECOND = {"standing": "tests.versions.standing:second"}
Install = Callable[[dict[str, str]], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Install]:
    """Another release of the package."""

    before: list[str] = []

    def points(declared: dict[str, str]) -> None:
        site = str(install_points(tmp_path_factory.mktemp("packages") / "site", {registry.PROJECTIONS: declared}))
        monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in before])
        monkeypatch.syspath_prepend(site)
        before.append(site)
        registry.loaded.cache_clear()

    yield points
    registry.loaded.cache_clear()


@pytest.fixture
def folded(temple: Typed, install: Install, database: Database) -> Database:
    install(FIRST)
    assert temple("db", "migrate").code == 0
    ledger = LedgerScenario(database)
    ledger.given(joined("ada"), role_added("ada", "Oracle", at(1)))
    ledger.given(joined("bob"), role_added("bob", "Oracle", at(1)), left("bob", at(3)))
    assert temple("run", "--until-caught-up").code == 0
    return database


def rows(database: Database, table: str = "standing") -> list[tuple[object, ...]]:
    with database.connect(DatabaseRole.READ) as connection:
        return connection.execute(f'select * from "{table}" order by 1'.encode()).fetchall()


@pytest.mark.parametrize("release", [BOTH, SECOND], ids=["both in one package", "the new one alone"])
def test_each_step_names_the_next(temple: Typed, folded: Database, install: Install, release: dict[str, str]) -> None:
    install(release)
    assert "standing@2" in temple("db", "migrate").stdout
    listed = temple("projection", "list")
    assert "standing@2 stands still: temple replay standing@2 --apply" in listed.stderr
    refused = temple("projection", "switch", "standing", "--to", "2")
    assert (refused.code, "temple replay standing@2 --apply" in refused.stderr) == (5, True)

    replayed = temple("replay", "standing@2", "--apply")
    assert replayed.code == 0, replayed.stderr
    assert "temple projection compare standing --to 2" in replayed.stderr
    assert rows(folded) == [("ada", 1), ("bob", 1)]

    compared = temple("projection", "compare", "standing", "--to", "2")
    assert compared.code == 3
    assert "standing: version 1 against 2: 2 members compared, 1 member differs (1 difference)" in compared.stdout
    assert "column standing.last is new" in compared.stdout
    assert "1 row of standing vanishes" in compared.stdout
    assert "temple projection switch standing --to 2" in compared.stderr

    preview = temple("projection", "switch", "standing", "--to", "2")
    assert (preview.code, "temple projection switch standing --to 2 --apply" in preview.stderr) == (0, True)
    assert rows(folded) == [("ada", 1), ("bob", 1)]

    switched = temple("projection", "switch", "standing", "--to", "2", "--apply")
    assert switched.code == 0, switched.stderr
    assert "standing: readers see version 2" in switched.stdout
    assert "temple projection switch standing --back" in switched.stderr
    assert "temple projection drop standing@1" in switched.stderr
    assert rows(folded) == [("ada", 1, "Oracle")]
    assert rows(folded, "standing@1") == [("ada", 1), ("bob", 1)]

    assert temple("projection", "drop", "standing@1").code == 0
    assert rows(folded, "standing@1") == [("ada", 1), ("bob", 1)]
    assert temple("projection", "drop", "standing@1", "--apply").code == 0
    assert temple("db", "migrate").code == 0
    assert temple("verify", "--full").code == 0
    (kept,) = [each for each in temple("projection", "list", "--json").data if each["name"] == "standing"]
    assert (kept["version"], kept["active"], kept["state"]) == (2, True, "idle")


def test_back_where_the_older_version_stood_still_says_how_far_and_needs_a_reason(
    temple: Typed, folded: Database, install: Install
) -> None:
    install(SECOND)
    temple("db", "migrate")
    temple("replay", "standing", "--apply")
    assert temple("projection", "switch", "standing", "--to", "2", "--apply").code == 0
    LedgerScenario(folded).given(role_added("ada", "Keeper", at(5)))
    assert temple("run", "--until-caught-up").code == 0
    preview = temple("projection", "switch", "standing", "--back")
    assert "standing@1 stands 1 position behind the version that readers see" in preview.stderr
    bare = temple("projection", "switch", "standing", "--back", "--behind", "--apply")
    assert (bare.code, "--behind needs --reason TEXT" in bare.stderr) == (2, True)
    back = temple("projection", "switch", "standing", "--back", "--behind", "--apply", "--reason", "2 is wrong")
    assert back.code == 0, back.stderr
    assert rows(folded) == [("ada", 1), ("bob", 1)]


def test_what_stands_in_the_way_is_named_before_anything_is_tried(
    temple: Typed, folded: Database, install: Install
) -> None:
    install(BOTH)
    temple("db", "migrate")
    temple("replay", "standing", "--apply")
    with folded.connect(DatabaseRole.OWNER) as connection:
        connection.execute("create materialized view frozen as select * from standing")
        connection.execute("create view shown as select user_id from standing")
    for more in ((), ("--apply",)):
        ended = temple("projection", "switch", "standing", "--to", "2", *more)
        assert ended.code == 5
        assert "materialised view frozen reads its rows" in ended.stdout + ended.stderr
    assert "goes over: view shown" in temple("projection", "switch", "standing", "--to", "2").stdout


@pytest.mark.parametrize("verb", ["rows", "explain"])
def test_questions_are_asked_of_the_version_that_readers_see_or_of_the_one_named(
    temple: Typed, folded: Database, install: Install, verb: str
) -> None:
    install(BOTH)
    temple("db", "migrate")
    temple("replay", "standing", "--apply")
    assert "last" not in temple("projection", verb, "standing", "ada").stdout
    assert "last" in temple("projection", verb, "standing@2", "ada").stdout


def test_verify_repair_and_doctor_know_both(temple: Typed, folded: Database, install: Install) -> None:
    install(BOTH)
    temple("db", "migrate")
    temple("replay", "standing", "--apply")
    with folded.connect(DatabaseRole.PROJECT) as connection:
        connection.execute('update "standing@2" set grants = 7')
    assert temple("verify", "standing@1").code == 0
    assert temple("verify", "standing").code == 3
    assert temple("repair", "standing@2", "--apply", "--reason", "altered by hand").code == 0
    assert temple("verify", "standing").code == 0
    doctor = temple("doctor").stdout
    assert "projection standing@2" in doctor
    assert "projection standing:" in doctor


def test_mistakes_are_named(temple: Typed, folded: Database) -> None:
    for arguments, code, sentence in (
        (("compare", "standing"), 5, "there is only version 1 of standing"),
        (("compare", "standing", "--to", "1"), 5, "readers see version 1 of standing; compare another one with it"),
        (("switch", "standing"), 2, "name the version with --to N, or give --back"),
        (("switch", "standing", "--to", "9"), 1, "no version in this ledger 'standing@9'"),
        (("switch", "standing", "--to", "1"), 5, "readers see version 1 of standing already"),
        (("switch", "standing", "--back"), 5, "there is nothing to go back to"),
        (("switch", "nobody", "--to", "2"), 1, "no projection in this ledger 'nobody'"),
        (("drop", "standing"), 2, "write NAME@VERSION"),
        (("drop", "standing@1", "--apply"), 5, "readers see version 1 of standing"),
        (("rows", "standing@9", "ada"), 1, "no version of a projection in this installation 'standing@9'"),
    ):
        ended = temple("projection", *arguments)
        assert (ended.code, sentence in ended.stderr) == (code, True), (arguments, ended.stderr)
