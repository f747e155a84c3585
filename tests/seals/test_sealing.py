"""The sealer seals what is settled, in ranges, beside everything else."""

import threading
from uuid import uuid4

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.seals.head import Head, read_head
from temple_ledger.infrastructure.seals.proof import prove
from temple_ledger.infrastructure.seals.sealer import Sealer, seal_rest
from temple_ledger.infrastructure.seals.status import seal_status
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import joined
from tests.seals.builders import found, head_of, proof, sealed

INSERT = (
    "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source) "
    "values (gen_random_uuid(), now(), 'x', 'x', 'x', 'x')"
)


def ledger_of(database: Database, events: int) -> LedgerScenario:
    ledger = LedgerScenario(database)
    ledger.given(*(joined(str(number)) for number in range(events)))
    return ledger


def ranges(database: Database) -> list[tuple[int, int, int]]:
    with database.connect(DatabaseRole.READ) as connection:
        return connection.execute(
            "select first_position, last_position, events from log_seal where kind = 'range' order by number"
        ).fetchall()


def test_an_existing_log_is_sealed_in_ranges_of_a_thousand(database: Database) -> None:
    ledger_of(database, 2_500)
    seal_rest(database)
    assert ranges(database) == [(1, 1000, 1000), (1001, 2000, 1000), (2001, 2500, 500)]
    assert found(database) == []


def test_full_ranges_are_sealed_at_once_and_the_rest_in_its_time(database: Database) -> None:
    now = 100.0
    ledger = ledger_of(database, 1_200)
    sealer = Sealer(database, every_seconds=60, clock=lambda: now)
    stop = threading.Event()
    sealer.step(stop)
    assert ranges(database)[-1][1] == 1200
    ledger.given(joined("late"))
    assert sealer.step(stop).events == 0
    now += 60
    assert sealer.step(stop).events == 1
    ledger.given(*(joined(f"more {number}") for number in range(1_000)))
    assert sealer.step(stop).events == 1_000
    sealer.close()


def test_a_position_that_an_open_transaction_may_fill_is_not_sealed(database: Database) -> None:
    ledger = ledger_of(database, 2)
    with database.connect(DatabaseRole.APPEND, autocommit=False) as appender:
        appender.execute(INSERT.encode())
        ledger.given(joined("after"))
        sealer = Sealer(database, every_seconds=0)
        sealer.step(threading.Event())
        assert ranges(database) == [(1, 2, 2)]
        appender.commit()
    sealer.step(threading.Event())
    sealer.step(threading.Event())
    assert ranges(database) == [(1, 2, 2), (3, 4, 2)]
    assert found(database) == []
    sealer.close()


def test_a_number_that_was_rolled_back_belongs_to_the_range(database: Database) -> None:
    ledger = ledger_of(database, 2)
    with database.connect(DatabaseRole.APPEND, autocommit=False) as appender:
        appender.execute(INSERT.encode())
        appender.rollback()
    ledger.given(joined("after"))
    seal_rest(database)
    assert ranges(database) == [(1, 4, 3)]
    assert found(database) == []


def test_one_sealer_works_and_another_takes_over_when_it_has_gone(database: Database) -> None:
    ledger_of(database, 5)
    first, second = Sealer(database, every_seconds=0), Sealer(database, every_seconds=0)
    stop = threading.Event()
    assert first.step(stop).events == 5
    assert second.step(stop).led_by is not None
    with database.connect(DatabaseRole.READ) as connection:
        assert seal_status(connection).sealer is not None
    first.close()
    assert second.step(stop).led_by is None
    second.close()


def test_a_frozen_sealers_lease_is_over_by_time(database: Database) -> None:
    ledger_of(database, 1)
    first, second = Sealer(database, every_seconds=0, holder=uuid4()), Sealer(database, every_seconds=0)
    first.step(threading.Event())
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("update sealer set expires_at = clock_timestamp() - interval '1 second'")
    assert second.step(threading.Event()).led_by is None
    first.close()
    second.close()


def test_heads_are_published_when_there_is_something_new(database: Database) -> None:
    published: list[Head] = []
    ledger = ledger_of(database, 3)
    sealer = Sealer(database, every_seconds=0, publish=published.append)
    sealer.step(threading.Event())
    sealer.step(threading.Event())
    ledger.given(joined("more"))
    sealer.step(threading.Event())
    assert [(each.seal, each.position) for each in published] == [(1, 3), (2, 4)]
    assert published[-1] == head_of(database)
    sealer.close()


def test_an_empty_log_has_no_head(database: Database) -> None:
    seal_rest(database)
    with database.connect(DatabaseRole.READ) as connection:
        assert read_head(connection) is None
    assert proof(database).sentence == "nothing is sealed yet; run: temple seal run"


def test_a_proof_goes_on_where_its_budget_ended(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temple_ledger.infrastructure.seals.proof.SEALS_AT_A_TIME", 1)
    sealed(database)
    compared = []
    while not (part := prove(database, budget_seconds=0)).complete:
        compared.append(part.compared)
    assert compared == [3, 6, 9]
    assert part.holds
    # and begins anew
    assert prove(database, budget_seconds=0).compared == 3


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        *(
            (role, "select key from seal_key")
            for role in DatabaseRole
            if role not in ("", "temple_owner", "temple_seal")
        ),
        *((role, "select seal_accept(1, 1, 1)") for role in (DatabaseRole.PROJECT, DatabaseRole.READ)),
        *((role, "select * from seal_range(1)") for role in (DatabaseRole.READ, DatabaseRole.APPEND)),
        (DatabaseRole.PROJECT, "select seal_add(null)"),
        (DatabaseRole.SEAL, "insert into log_seal select * from log_seal"),
        (DatabaseRole.SEAL, "update seal_key set key = sha256('')"),
        (DatabaseRole.SEAL, "update webhook_audit_log set source = 'x'"),
    ],
)
def test_what_a_role_may_not_do_to_the_chain_is_refused(database: Database, role: DatabaseRole, statement: str) -> None:
    sealed(database, 3)
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize("role", [DatabaseRole.OWNER, DatabaseRole.LOGIN])
@pytest.mark.parametrize(
    "statement", ["update log_seal set hash = ''", "delete from log_seal", "truncate log_seal cascade"]
)
def test_the_chain_is_append_only(database: Database, role: DatabaseRole, statement: str) -> None:
    sealed(database, 3)
    with database.connect(role) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(statement.encode())
