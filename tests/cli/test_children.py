"""A projection of an installed package is folded in a process of its own, which holds up nobody."""

import json
import sys
from collections.abc import Iterator
from uuid import UUID

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.log_entry import entry_of_event
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.read_models.operations import Parked, parked
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections import registry
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.cli.conftest import Typed
from tests.examples.installing import install_points

CODE = """
import os

print("imported")
from temple_ledger import Column, ColumnType, Increments, MemberProjection, Recorded, RoleAdded, Table, Tally

TABLE = Table("slow_grants", columns=(Column("grants", ColumnType.INTEGER),), key=())
slow = MemberProjection("slow", version=1, tables=(TABLE,), initial=int,
    rows=lambda grants: {TABLE.name: [(grants,)]},
    state=lambda rows: rows[TABLE.name][0][0] if rows.get(TABLE.name) else 0)

@slow.on
def _(granted: int, event: RoleAdded) -> int:
    while event.role == "for ever":
        pass
    if event.role == "the end":
        os._exit(7)
    print("granted")
    return granted + 1

def _count(event: Recorded) -> Increments:
    while event.target == "for ever":
        pass
    return {(event.event_type,): 1}

tallied = Tally("tallied", version=1, count=_count, table=Table("slow_tally", key=("event_type",), columns=(
    Column("event_type", ColumnType.TEXT, length=100), Column("events", ColumnType.BIGINT))))
"""
POINTS = {registry.PROJECTIONS: {"slow": "slow_package:slow", "tallied": "slow_package:tallied"}}


@pytest.fixture
def ledger(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LedgerScenario]:
    folder = tmp_path_factory.mktemp("packages") / "site"
    monkeypatch.syspath_prepend(install_points(folder, POINTS, slow_package=CODE))
    registry.loaded.cache_clear()
    bring_up_to_date(database)
    found = LedgerScenario(database, projections=[*registry.installed().values()])
    found.given(joined("ada", at(1)), role_added("ada", "Oracle", at(2)), role_added("bob", "Seeker", at(3)))
    yield found
    registry.loaded.cache_clear()


def failures(database: Database) -> list[Parked]:
    with database.connect(DatabaseRole.READ) as connection:
        return list(parked(connection))


def grants_of(ledger: LedgerScenario, user_id: str) -> list[tuple[object, ...]]:
    return ledger.rows(registry.installed()["slow"], "slow_grants", user_id)  # type: ignore[arg-type]


def test_its_steps_are_counted_as_those_of_the_others(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("run", "--until-caught-up")
    assert ended.code == 0, ended.stderr
    assert "slow at position 3" in ended.stdout
    assert "15 events folded" in ended.stdout
    assert (grants_of(ledger, "ada"), grants_of(ledger, "bob")) == ([(1,)], [(1,)])
    ledger.then_verified()


def test_a_rule_that_does_not_return_is_ended_its_member_parked_and_the_others_go_on(
    temple: Typed, ledger: LedgerScenario
) -> None:
    ledger.given(role_added("ada", "for ever", at(4)), role_added("bob", "Oracle", at(5)))
    ended = temple("run", "--until-caught-up")
    assert ended.code == 0, ended.stderr
    assert grants_of(ledger, "bob") == [(2,)]
    # the batch had all of her events: her rows are those of before
    found = {each.projection: (each.user_id, each.position, each.kind) for each in failures(ledger.database)}
    assert found == {"slow": ("ada", 2, "time"), "tallied": ("ada", 4, "time")}
    assert "took longer than 5 s and was ended" in failures(ledger.database)[0].error
    ledger.then_verified()
    ledger.given(role_added("bob", "Seeker", at(6)))
    assert temple("run", "--until-caught-up").code == 0
    assert grants_of(ledger, "bob") == [(3,)]


def test_a_rule_that_ends_its_process_parks_its_member_and_the_others_go_on(
    temple: Typed, ledger: LedgerScenario
) -> None:
    ledger.given(joined("cyd", at(4)))
    ledger.catch_up()
    ledger.append([entry_of_event(role_added("cyd", "the end", at(5)), event_id=UUID(int=1), catalogue=CATALOGUE)])
    ledger.append([entry_of_event(role_added("bob", "Oracle", at(6)), event_id=UUID(int=2), catalogue=CATALOGUE)])
    ended = temple("run", "--until-caught-up")
    assert ended.code == 0, ended.stderr
    (failure,) = failures(ledger.database)
    assert (failure.user_id, failure.position, failure.kind) == ("cyd", 5, "time")
    assert failure.error == "the fold of 1 event from here on ended its process, with exit code 7"
    assert grants_of(ledger, "bob") == [(2,)]


def test_what_a_rule_prints_is_no_message_of_ours(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("run", "--until-caught-up")
    assert "15 events folded" in ended.stdout
    assert "granted" not in ended.stdout


@pytest.mark.parametrize(
    "command",
    [
        ("projection", "list"),
        ("projection", "rows", "slow", "ada", "--as-of", "2027-01-01"),
        ("projection", "explain", "slow", "ada"),
        ("verify", "--full", "slow"),
    ],
    ids=" ".join,
)
def test_what_a_package_or_its_rule_prints_stands_on_stderr_beside_the_data(
    temple: Typed, ledger: LedgerScenario, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    ledger.catch_up()
    registry.loaded.cache_clear()
    monkeypatch.delitem(sys.modules, "slow_package")
    ended = temple(*command, "--json")
    assert ended.code == 0, ended.stderr
    assert json.loads(ended.stdout)["data"]
    assert "imported" in ended.stderr
    assert ("granted" in ended.stderr) is (command[1] != "list")


def test_a_process_that_has_no_database_ends_the_runner_with_4(temple: Typed, ledger: LedgerScenario) -> None:
    ended = temple("run", "--until-caught-up", "slow", TEMPLE_DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert ended.code == 4


def test_where_it_is_split_its_process_leads_the_lanes_that_the_runner_may(
    temple: Typed, ledger: LedgerScenario
) -> None:
    assert temple("projection", "lanes", "slow", "--split", "--apply").code == 0
    ledger.given(role_added("bo", "Seeker", at(4)))
    assert temple("run", "--until-caught-up", "slow", "--lanes", "0-7").code == 0
    assert [grants_of(ledger, each) for each in ("bo", "ada", "bob")] == [[(1,)], [], []]
    assert temple("run", "--until-caught-up", "slow", "--lanes", "8-15").code == 0
    assert [grants_of(ledger, each) for each in ("bo", "ada", "bob")] == [[(1,)], [(1,)], [(1,)]]
    ledger.then_verified()
