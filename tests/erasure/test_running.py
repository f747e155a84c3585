"""Erasing beside a service that goes on: runners, appends, authors' projections."""

import threading
from collections.abc import Mapping
from typing import Final

import pytest

from temple_ledger.domain.recorded import Recorded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.read_models.erasure import erase
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.tally import Key, Tally
from temple_ledger.projections.testing.histories import at, joined, left, role_added
from temple_ledger.projections.values import ColumnType
from tests.erasure.builders import OTHER, PERSON, ROLE, erased, found_in, line
from tests.runner.test_runner import running, wait_until

GRANTS = Table(
    "grants_by_actor",
    columns=(Column("actor", ColumnType.TEXT, length=100), Column("grants", ColumnType.BIGINT)),
    key=("actor",),
)

PACE_SECONDS: Final = 0.01


def _by_actor(recorded: Recorded) -> Mapping[Key, int]:
    actor = (recorded.metadata_text or "").partition('"granted_by": "')[2].partition('"')[0]
    return {(actor,): 1} if actor else {}


by_actor = Tally("grants_by_actor", version=1, table=GRANTS, count=_by_actor)


def test_a_tally_counts_the_pseudonym_and_forgets_the_person(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[*BUILT_IN, by_actor])
    ledger.given(*(role_added(f"member {number}", ROLE, at(number), by=PERSON) for number in range(5)), left(PERSON))
    ledger.catch_up()
    erased(database, projections=ledger.projections)
    ledger.then_verified()
    with database.connect(DatabaseRole.READ) as connection:
        (row,) = connection.execute("select actor, grants from grants_by_actor").fetchall()
    assert row[0].startswith("erased:")
    assert row[1] == 5
    assert found_in(database, PERSON) == set()


def test_where_nobody_has_the_code_of_a_projection_the_id_is_replaced_in_its_rows(database: Database) -> None:
    ledger = LedgerScenario(database, projections=[*BUILT_IN, by_actor])
    ledger.given(role_added(OTHER, ROLE, by=PERSON))
    ledger.catch_up()
    erased(database)
    ledger.then_verified()
    assert found_in(database, PERSON) == set()


def test_a_runner_and_appends_go_on_meanwhile(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase, "MOST_EVENTS", 40)
    monkeypatch.setattr(erase, "FIRST_EVENTS", 20)
    ledger = LedgerScenario(database)
    ledger.given(joined(PERSON))
    ledger.append(
        [line(f"member {number % 90}", "added", at(number), ROLE, granted_by=PERSON) for number in range(600)]
    )
    stop = threading.Event()
    appended = [0]

    def append() -> None:
        with LogAppender(database) as appender:
            # each of these has to be erased, too
            while not stop.wait(PACE_SECONDS):
                by = PERSON if appended[0] < 50 else OTHER
                appender.append_many([line("newcomer", "added", at(appended[0]), f"role {appended[0]}", granted_by=by)])
                appended[0] += 1

    appending = threading.Thread(target=append)
    with running(database) as runner:
        wait_until(lambda: _folded(database) > 100)
        appending.start()
        before = appended[0]
        done = erased(database)
        assert not runner.led_by_others
        wait_until(lambda: appended[0] > max(before, 60))
        stop.set()
        appending.join()
        done_again = erased(database, OTHER)
        wait_until(lambda: _folded(database) >= _head(database))
    assert done.events > 600
    assert done_again.events > 0
    ledger.then_verified()
    ledger.then_status(PERSON, None)
    assert found_in(database, PERSON) <= {"webhook_audit_log", "discord_user_current_roles", "role_periods"}
    if found_in(database, PERSON):
        # what was appended after the end of the first one
        erased(database)
    ledger.then_verified()
    assert found_in(database, PERSON, OTHER) == set()


def test_an_actor_of_many_events_is_erased_in_many_short_transactions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erase, "MOST_EVENTS", 25)
    monkeypatch.setattr(erase, "FIRST_EVENTS", 25)
    ledger = LedgerScenario(database)
    ledger.append([line(f"member {number}", "added", at(1), ROLE, granted_by=PERSON) for number in range(200)])
    ledger.catch_up()
    erased(database)
    with database.connect(DatabaseRole.OWNER) as owner:
        row = owner.execute(
            "select count(distinct xmin::text) from webhook_audit_log where metadata ->> 'granted_by' like 'erased:%'"
        ).fetchone()
    assert row is not None
    assert row[0] >= 8
    ledger.then_verified()


def test_a_member_with_many_of_the_actors_events_is_folded_again_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erase, "MOST_EVENTS", 20)
    monkeypatch.setattr(erase, "FIRST_EVENTS", 20)
    ledger = LedgerScenario(database)
    grants = [(f"member {number % 20:02}", at(number), f"role {number}") for number in range(200)]
    ledger.append([line(member, "added", when, role, granted_by=PERSON) for member, when, role in grants])
    ledger.catch_up()
    erased(database)
    with database.connect(DatabaseRole.OWNER) as owner:
        rows = owner.execute(
            "select count(distinct xmin::text) from webhook_audit_log where user_id like 'member %' group by user_id"
        ).fetchall()
    assert len(rows) == 20
    # a transaction may end in the middle of one
    assert {transactions for (transactions,) in rows} <= {1, 2}
    ledger.then_verified()


def _folded(database: Database) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select min(position) from projection_checkpoint").fetchone()
        return int(row[0]) if row is not None else 0


def _head(database: Database) -> int:
    with database.connect(DatabaseRole.READ) as connection:
        row = connection.execute("select max(id) from webhook_audit_log").fetchone()
        return int(row[0]) if row is not None else 0
