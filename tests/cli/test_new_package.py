"""A package that was just installed: what is still to do is named wherever its author looks."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.domain.events import RoleAdded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.overview import LedgerStatus, read_overview, troubles
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections import registry
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.row import Row, projection
from temple_ledger.projections.testing.histories import at, role_added
from tests.cli.conftest import Typed
from tests.examples.installing import install_points

CODE = """
from temple_ledger import Change, Message, RoleAdded, Row, count_of, projection

class Loans(Row, table="new_loans"):
    number: int = 0

loans = projection("loans", version=1, state=Loans)

@loans.on
def _(row: Loans, event: RoleAdded) -> Loans:
    return row.replace(number=row.number + 1)

by_number = loans.rollup("loans_by_number", key=Loans.number, members=count_of())

@loans.effect
def lent(change: Change[Loans]) -> Message | None:
    return None
"""


@pytest.fixture
def ledger(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LedgerScenario]:
    """It was in use before the package was installed."""
    found = LedgerScenario(database)
    found.given(role_added("ada", "Oracle", at(1)))
    found.catch_up()
    points = {registry.PROJECTIONS: {"loans": "new_package:loans"}}
    folder = tmp_path_factory.mktemp("packages") / "site"
    monkeypatch.syspath_prepend(install_points(folder, points, new_package=CODE))
    registry.loaded.cache_clear()
    yield found
    registry.loaded.cache_clear()


def test_before_its_migration_status_and_list_say_that_it_has_no_tables(temple: Typed, ledger: LedgerScenario) -> None:
    status = temple("status").stdout
    assert "loans@1 is installed, and has no tables yet\n    temple db migrate" in status
    assert "loans@1 is installed, and has no tables yet: temple db migrate" in temple("projection", "list").stderr
    migrated = temple("db", "migrate").stdout.splitlines()
    assert migrated == ["made table new_loans", "made rollup loans_by_number", "made effect lent"]
    assert "no tables yet" not in temple("status").stdout


def test_before_its_migration_everything_else_is_folded_and_compared_and_it_is_named(
    temple: Typed, ledger: LedgerScenario
) -> None:
    ledger.given(role_added("ada", "Seeker", at(2)))
    todo = "loans@1 is installed, and has no tables yet; run: temple db migrate"
    ran = temple("run", "--until-caught-up")
    assert (ran.code, todo in ran.stderr, ran.stderr.count("a projection's process ended")) == (1, True, 0)
    assert "caught up, members" in ran.stdout
    for verb in ("verify --full", "verify --since-last", "repair", "reconcile --full"):
        ended = temple(*verb.split())
        assert (ended.code, todo in ended.stderr, "Traceback" in ended.stderr) == (3, True, False), verb
        assert "role_periods" in ended.stdout, verb
    for verb in ("verify loans", "replay loans", "projection pause loans", "projection rows loans ada"):
        ended = temple(*verb.split())
        assert (ended.code != 0, "run: temple db migrate" in ended.stderr) == (True, True), (verb, ended.stderr)
    assert temple("db", "migrate").code == 0
    assert temple("run", "--until-caught-up").code == 1, "its tables are not filled yet"
    assert temple("replay", "loans", "--apply").code == 0
    assert (temple("run", "--until-caught-up").code, temple("verify", "--full").code) == (0, 0)


def test_what_nobody_folds_while_others_are_folded_is_named(ledger: LedgerScenario) -> None:
    bring_up_to_date(ledger.database)
    ledger.given(role_added("ada", "Seeker", at(2)))
    with snapshot(ledger.database) as connection:
        overview = read_overview(connection)
    led = [
        replace(each, leader="a runner of before") if each.name != "loans" else replace(each, state="running")
        for each in overview.projections
    ]
    found = [each.what for each in troubles(replace(overview, projections=led), {}, start="temple up")]
    assert [each for each in found if "loans is folded by nobody (2 events" in each]


def test_the_doctor_says_so_too(temple: Typed, ledger: LedgerScenario) -> None:
    bring_up_to_date(ledger.database)
    with ledger.database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("update projection_checkpoint set state = 'running' where projection = 'loans'")
    ledger.given(role_added("ada", "Seeker", at(2)))
    with Wakeup(ledger.database) as wakeup:
        runner = Runner(ledger.database, BUILT_IN, wakeup, catalogue=CATALOGUE)
        thread = threading.Thread(target=runner.run)
        thread.start()
        try:
            while not any(each.leader for each in overview_of(ledger).projections):
                thread.join(0.01)
            said = temple("doctor").stdout
        finally:
            runner.stop()
            wakeup.wake()
            thread.join(60)
    assert "nobody folds it: what runs may have begun before it was there" in said
    assert "restart temple run, or temple up" in said


def overview_of(ledger: LedgerScenario) -> LedgerStatus:
    with snapshot(ledger.database) as connection:
        return read_overview(connection)


def test_a_table_that_is_somebody_else_s_is_never_said_to_be_dropped(database: Database) -> None:
    LedgerScenario(database)

    class Log(Row, table="webhook_audit_log"):
        number: int = 0

    mistaken = projection("mistaken", version=1, state=Log)
    mistaken.on(RoleAdded)(lambda row, event: row)
    with pytest.raises(SchemaMismatch, match="there is a table webhook_audit_log already") as caught:
        bring_up_to_date(database, [*BUILT_IN, mistaken])
    assert "drop table" not in str(caught.value)
    assert "give the table another name where it is declared" in str(caught.value)
