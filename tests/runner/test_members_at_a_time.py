"""What a step holds of its members' rows has a bound, however many members it has and however many rows they have."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.infrastructure.read_models.runner.wide_connections import WideConnections
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections import members_at_a_time
from temple_ledger.projections.batch import StoredRows
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import Processor, processor_of
from temple_ledger.projections.remembered import Remembered
from temple_ledger.projections.role_periods import ROLE_PERIODS, role_periods
from temple_ledger.projections.testing.histories import at

PERIODS = 40
ROOM_FOR = 8
"""So many members with that many rows each."""
FEWEST = 4
MANY = 3 * ROOM_FOR

PERIOD = (1, "role-1", at(1), None, at(1), None, 1, None, None, None)
ONE_MEMBER = Remembered[Any](role_periods.tables).size_of({ROLE_PERIODS.name: [PERIOD] * PERIODS})


def periods(ledger: LedgerScenario, numbers: range, each: int) -> None:
    """Each of these members gets so many roles."""
    with ledger.database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(
            "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, target, source) "
            "select gen_random_uuid(), timestamptz '2026-01-01' + number * interval '1 hour', 'discord_role_change', "
            "'member-' || member, 'added', 'role-' || number, 'discord' "
            "from generate_series(1, %s::int) as number, generate_series(%s::int, %s::int) as member",
            (each, numbers[0], numbers[-1]),
        )


@contextmanager
def folding(
    database: Database, projection: MemberProjection[Any]
) -> Iterator[tuple[Processor, list[Mapping[str, StoredRows]]]]:
    """Beside the processor, what it read of members, each time that it did."""
    read: list[Mapping[str, StoredRows]] = []

    class Noting(PostgresTransaction):
        def stored(self, projection: MemberProjection[Any], user_ids: Sequence[str]) -> Mapping[str, StoredRows]:
            read.append(super().stored(projection, user_ids))
            return read[-1]

    wide = WideConnections(database.connect)
    with database.connect(DatabaseRole.PROJECT) as connection:

        @contextmanager
        def opened() -> Iterator[PostgresTransaction]:
            with connection.transaction():
                yield Noting(connection, wide=wide)

        try:
            yield processor_of(projection, opened, catalogue=CATALOGUE), read
        finally:
            wide.close()


def fold(processor: Processor, database: Database, *, wide: bool) -> int:
    """The number of events."""
    with database.connect(DatabaseRole.READ) as connection:
        upto = settled_head(connection)
    if wide:
        return processor.wide_step(upto=upto, limit=10_000, in_time=lambda: True).events
    return processor.step(upto=upto, limit=10_000).events


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members_at_a_time, "MOST_BYTES_READ", ROOM_FOR * ONE_MEMBER)
    monkeypatch.setattr(members_at_a_time, "FEWEST", FEWEST)


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=[role_periods])


@pytest.mark.usefixtures("little_room")
@pytest.mark.parametrize("wide", [False, True])
def test_rows_are_read_of_so_many_members_together_as_there_is_room_for(ledger: LedgerScenario, wide: bool) -> None:
    periods(ledger, range(MANY), PERIODS)
    with folding(ledger.database, role_periods) as (processor, _):
        assert fold(processor, ledger.database, wide=wide) == MANY * PERIODS
    periods(ledger, range(MANY), 1)
    with folding(ledger.database, role_periods) as (processor, read):
        assert fold(processor, ledger.database, wide=wide) == MANY
        assert [len(each) for each in read] == [FEWEST, ROOM_FOR, ROOM_FOR, ROOM_FOR - FEWEST]
    ledger.then_verified()


@pytest.mark.usefixtures("little_room")
def test_members_with_few_rows_are_read_ever_more_together(ledger: LedgerScenario) -> None:
    periods(ledger, range(15 * FEWEST), 1)
    with folding(ledger.database, role_periods) as (processor, read):
        fold(processor, ledger.database, wide=False)
        assert [len(each) for each in read] == [FEWEST, 2 * FEWEST, 4 * FEWEST, 8 * FEWEST]


@pytest.mark.usefixtures("little_room")
def test_steps_of_few_members_say_nothing_of_how_many_there_is_room_for(ledger: LedgerScenario) -> None:
    periods(ledger, range(MANY), PERIODS)
    with folding(ledger.database, role_periods) as (processor, _):
        fold(processor, ledger.database, wide=False)
    with folding(ledger.database, role_periods) as (processor, read):
        for number in range(5):
            periods(ledger, range(MANY + number, MANY + number + 1), 1)
            fold(processor, ledger.database, wide=False)
        read.clear()
        periods(ledger, range(MANY), 1)
        fold(processor, ledger.database, wide=False)
        assert max(map(len, read)) <= ROOM_FOR


@pytest.mark.usefixtures("little_room")
def test_a_step_that_failed_halfway_leaves_nothing_remembered(ledger: LedgerScenario) -> None:
    with folding(ledger.database, role_periods) as (processor, read):
        periods(ledger, range(1), 1)
        fold(processor, ledger.database, wide=False)
        periods(ledger, range(1, MANY + 1), 1)
        with ledger.database.connect(DatabaseRole.LOGIN) as connection:
            connection.execute("alter table role_periods add constraint short check (user_id <> 'member-20')")
            with pytest.raises(psycopg.errors.CheckViolation):
                fold(processor, ledger.database, wide=False)
            connection.execute("alter table role_periods drop constraint short")
        read.clear()
        assert fold(processor, ledger.database, wide=False) == MANY
        assert sum(map(len, read)) == MANY
    ledger.then_verified()
