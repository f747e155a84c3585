"""Each check of the aftermath notices what it is there for."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

import psycopg
import pytest

from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.log.append import Appended, LogAppender
from temple_ledger.infrastructure.read_models.runner.lease import LEASE_SECONDS
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.chaos.acknowledged import Acknowledged
from tests.chaos.checks import (
    TIMES,
    backlog,
    came_back,
    failed_deliveries,
    lost_deliveries,
    lost_events,
    slower_than_undisturbed,
    wrong_rows,
)
from tests.queries.builders import altered

Asked = Callable[[Callable[[psycopg.Connection], object]], list[str]]
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def record() -> Acknowledged:
    return Acknowledged()


def entry(user_id: str = "ada") -> LogEntry:
    return LogEntry(uuid4(), WHEN, "discord_join", user_id, "joined", None, None, "test")


def appended(database: Database, *entries: LogEntry) -> list[Appended]:
    with LogAppender(database) as appender:
        return [each for each in appender.append_many(entries) if isinstance(each, Appended)]


def test_what_was_acknowledged_and_is_there_is_not_lost(database: Database, record: Acknowledged) -> None:
    mine = entry()
    (there,) = appended(database, mine)
    record.add_events([(mine.event_id, there.position, "ada")])
    with database.connect(DatabaseRole.READ) as connection:
        assert list(lost_events(connection, record)) == []


def test_an_acknowledged_event_that_is_not_in_the_log_is_lost(database: Database, record: Acknowledged) -> None:
    mine = entry()
    record.add_events([(mine.event_id, 1, "ada")])
    with database.connect(DatabaseRole.READ) as connection:
        assert list(lost_events(connection, record)) == [
            f"event {mine.event_id} of ada was acknowledged and is not in the log"
        ]


def test_an_event_at_another_position_than_was_said_is_lost(database: Database, record: Acknowledged) -> None:
    mine = entry()
    (there,) = appended(database, mine)
    record.add_events([(mine.event_id, there.position + 1, "ada")])
    with database.connect(DatabaseRole.READ) as connection:
        (found,) = lost_events(connection, record)
    assert found.endswith(f"was acknowledged at position {there.position + 1} and is at {there.position}")


def test_of_an_erased_person_an_event_has_to_be_where_it_was(database: Database, record: Acknowledged) -> None:
    (there,) = appended(database, entry("erased:0"))
    record.erase("ada")
    record.add_events([(uuid4(), there.position, "ada"), (uuid4(), there.position + 1, "ada")])
    with database.connect(DatabaseRole.READ) as connection:
        assert list(lost_events(connection, record)) == [
            f"the event at position {there.position + 1}, which was acknowledged, is not in the log"
        ]


def test_what_was_rolled_back_and_is_there_is_named(database: Database, record: Acknowledged) -> None:
    mine = entry()
    appended(database, mine)
    record.add_rolled_back([mine.event_id, uuid4()])
    with database.connect(DatabaseRole.READ) as connection:
        (found,) = came_back(connection, record)
    assert found.startswith(f"event {mine.event_id} was rolled back and is in the log")


def test_a_delivery_that_was_answered_with_200_and_is_not_there_is_lost(
    database: Database, record: Acknowledged
) -> None:
    for body in (b"there", b"gone"):
        record.add_delivery(sha256(body).digest())
    with database.connect(DatabaseRole.APPEND) as connection:
        store(connection, [Delivery("patreon", "members:update", b"there", digest_of(b"", b"there"), WHEN)])
        (found,) = lost_deliveries(connection, record)
    assert found.startswith(f"the delivery {sha256(b'gone').hexdigest()[:16]}")


def test_a_delivery_that_was_given_up_is_lost(database: Database) -> None:
    with database.connect(DatabaseRole.APPEND) as connection:
        store(connection, [Delivery("patreon", "members:update", b"there", digest_of(b"", b"there"), WHEN)])
        assert list(failed_deliveries(connection)) == []
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("update inbox set state = 'failed', note = 'OSError'")
        assert list(failed_deliveries(connection)) == ["delivery 1 of patreon (members:update) is failed: OSError"]


def test_rows_that_the_oracle_has_otherwise_are_wrong_unless_they_were_edited_by_hand(database: Database) -> None:
    ledger = LedgerScenario(database)
    ledger.given(joined("ada"), role_added("ada", "Oracle", at(1)), joined("bob"), role_added("bob", "Seeker", at(2)))
    ledger.catch_up()
    with database.connect(DatabaseRole.READ) as connection:
        assert list(wrong_rows(connection)) == []
        altered(database, "update discord_user_current_roles set granted_by = 'somebody'")
        assert [each.partition(":")[0] for each in wrong_rows(connection)] == [
            "discord_user_current_roles of ('ada', 'Oracle')",
            "discord_user_current_roles of ('bob', 'Seeker')",
        ]
        assert [each.partition(":")[0] for each in wrong_rows(connection, {"ada"})] == [
            "discord_user_current_roles of ('bob', 'Seeker')"
        ]


def test_a_catch_up_that_is_slow_is_wrong_and_one_that_is_as_fast_as_undisturbed_is_not() -> None:
    allowed = TIMES * 2.0 + LEASE_SECONDS
    assert list(slower_than_undisturbed(2.0, 2.0)) == []
    assert list(slower_than_undisturbed(allowed, 2.0)) == []
    assert list(slower_than_undisturbed(allowed + 0.1, 2.0)) == [
        "caught up in 16.1 s, which is more than 3 times the 2.0 s that it takes undisturbed, and a lease"
    ]


def test_a_backlog_is_what_each_projection_has_to_fold_on_average(ledger: LedgerScenario) -> None:
    ledger.given(*(joined(f"member {number}", at(number)) for number in range(9)))
    ledger.catch_up()
    with ledger.database.connect(DatabaseRole.READ) as connection:
        assert backlog(connection) == 0
    altered(ledger.database, "update projection_checkpoint set position = 1 where projection = 'activity'")
    altered(ledger.database, "update projection_checkpoint set state = 'paused' where projection = 'role_periods'")
    with ledger.database.connect(DatabaseRole.READ) as connection:
        # of two that go on, one has 8 to fold
        assert backlog(connection) == 4
