"""A rollup is the group-by of its source, whoever wrote there."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.domain.event import Event
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.rollups import is_maintained, rollup_drift, rollup_rows, stored_rollups
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.members import members, role_headcount
from temple_ledger.projections.rollup import (
    count_of,
    day_of,
    distinct_of,
    lower_of,
    max_of,
    min_of,
    sum_of,
    value_or,
)
from temple_ledger.projections.row import Row, projection
from temple_ledger.projections.testing.histories import at, joined, left, role_added, role_removed


class Warned(Event, type="test/rolled_up"):
    by: str | None = None
    points: int = 1


class Record(Row, table="example_record"):
    warnings: int = 0
    points: int = 0
    last_by: str | None = None
    last_at: datetime | None = None
    share: Decimal = Decimal(0)


moderation = projection("rolled_up", version=1, state=Record)


@moderation.on
def _(record: Record, event: Warned) -> Record:
    return record.replace(
        warnings=record.warnings + 1,
        points=record.points + event.points,
        last_by=event.by,
        last_at=event.occurred_at,
        share=record.share + Decimal(event.points) / 4,
    )


by_moderator = moderation.rollup(
    "points_by_moderator",
    key=Record.last_by,
    members=count_of(),
    total=sum_of(Record.points),
    shares=sum_of(Record.share),
    least=min_of(Record.points),
    latest=max_of(Record.last_at),
    days=distinct_of(Record.last_at),
)
by_day = moderation.rollup(
    "warned_by_day",
    key=(day_of(Record.last_at), lower_of(Record.last_by)),
    members=count_of(),
)
unnamed = moderation.rollup("warned_unnamed", key=value_or("last_by", "nobody"), members=count_of())


def warned(who: str, hours: float, by: str | None = "eve", points: int = 1) -> Warned:
    return Warned(user_id=who, occurred_at=at(hours), source="test", by=by, points=points)


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    return LedgerScenario(database, projections=(members, moderation))


def test_every_aggregate_is_that_of_the_rows_with_the_key(ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1, points=3), warned("bob", 2, points=4), warned("cid", 3, by="Mod", points=-2))
    ledger.then_rollup(
        by_moderator,
        [
            ("eve", 2, Decimal(7), Decimal("1.75"), 3, at(2), 2),
            ("Mod", 1, Decimal(-2), Decimal("-0.5"), -2, at(3), 1),
        ],
    )
    ledger.then_rollup(by_day, [(date(2026, 1, 1), "eve", 2), (date(2026, 1, 1), "mod", 1)])


def test_a_row_without_a_key_is_not_counted_and_a_key_without_rows_is_gone(ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1))
    ledger.then_rollup(unnamed, [("eve", 1)])
    ledger.when(warned("ada", 2, by=None))
    ledger.then_rollup(by_moderator, [])
    ledger.then_rollup(unnamed, [("nobody", 1)])


def test_a_headcount_follows_a_leave_a_late_event_and_a_repeated_grant(ledger: LedgerScenario) -> None:
    ledger.given(*[role_added(who, "Oracle", at(1)) for who in ("ada", "bob", "cid")], role_added("ada", "Seer", at(1)))
    ledger.then_rollup(role_headcount, [("Oracle", 3), ("Seer", 1)])
    ledger.when(left("ada", at(5)), role_removed("bob", "Oracle", at(2)), role_added("cid", "Oracle", at(3)))
    ledger.then_rollup(role_headcount, [("Oracle", 1)])
    ledger.when(role_added("bob", "Oracle", at(0)), joined("ada", at(4)))
    ledger.then_rollup(role_headcount, [("Oracle", 1)])


EDITS: dict[str, str] = {
    "a row planted": "insert into discord_user_current_roles (user_id, role, granted_at) values ('eve', 'Seer', now())",
    "a row changed": "update discord_user_current_roles set role = 'Seer' where user_id = 'ada'",
    "a row removed": "delete from discord_user_current_roles where user_id = 'ada'",
    "all of them": "truncate discord_user_current_roles",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_somebody_does_by_hand_is_followed(database: Database, ledger: LedgerScenario, edit: str) -> None:
    ledger.given(role_added("ada", "Oracle", at(1)), role_added("bob", "Oracle", at(1)))
    ledger.catch_up()
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(edit)
        assert list(rollup_drift(connection, role_headcount)) == []


def test_two_rows_of_a_key_may_come_and_go_in_one_statement(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(role_added("ada", "Oracle", at(1)), role_added("bob", "Seer", at(1)))
    ledger.catch_up()
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute(
            "update discord_user_current_roles set role = case role when 'Seer' then 'Oracle' else 'Seer' end"
        )
        assert sorted(rollup_rows(connection, role_headcount)) == [("Oracle", 1), ("Seer", 1)]


def test_a_new_one_is_filled_from_its_source(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1, points=3), warned("bob", 2, by="mod"))
    ledger.catch_up()
    later = projection("rolled_up", version=1, state=Record)
    declared = later.rollup("most_points", key=Record.last_by, most=max_of(Record.points), members=count_of())
    assert "most_points" in bring_up_to_date(database, [later]).tables
    with database.connect(DatabaseRole.READ) as connection:
        assert sorted(rollup_rows(connection, declared)) == [("eve", 3, 1), ("mod", 1, 1)]


def test_one_that_is_declared_otherwise_is_made_anew(database: Database, ledger: LedgerScenario) -> None:
    ledger.given(warned("ada", 1, points=3), warned("bob", 2, by="mod"))
    ledger.catch_up()
    later = projection("rolled_up", version=1, state=Record)
    declared = later.rollup("points_by_moderator", key=Record.warnings, total=sum_of(Record.points))
    assert bring_up_to_date(database, [later]).tables == ("points_by_moderator",)
    assert bring_up_to_date(database, [later]).tables == ()
    with database.connect(DatabaseRole.READ) as connection:
        assert rollup_rows(connection, declared) == [(1, Decimal(4))]


def test_one_that_a_view_of_somebody_needs_is_not_made_anew(database: Database, ledger: LedgerScenario) -> None:
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("create view harsh as select * from points_by_moderator where total > 10")
    later = projection("rolled_up", version=1, state=Record)
    later.rollup("points_by_moderator", key=Record.warnings, total=sum_of(Record.points))
    with pytest.raises(SchemaMismatch, match=r"view harsh depends on .* run: temple db migrate"):
        bring_up_to_date(database, [later])


def test_a_name_that_is_taken_is_refused(database: Database, ledger: LedgerScenario) -> None:
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute("create table lonely (one integer)")
    later = projection("rolled_up", version=1, state=Record)
    later.rollup("lonely", key=Record.last_by, members=count_of())
    with pytest.raises(SchemaMismatch, match="another relation named lonely"):
        bring_up_to_date(database, [later])


def test_a_declaration_reads_back_as_it_was_stored(database: Database, ledger: LedgerScenario) -> None:
    with database.connect(DatabaseRole.READ) as connection:
        assert stored_rollups(connection, "rolled_up") == [by_moderator, by_day, unnamed]
        assert all(is_maintained(connection, each) for each in stored_rollups(connection))


BREAKS: dict[str, str] = {
    "its triggers were disabled": "alter table discord_user_current_roles disable trigger user",
    "its triggers fire no more on a replica": (
        "alter table discord_user_current_roles enable trigger rollup_role_headcount_v1_insert"
    ),
    "its source was made anew": "drop table discord_user_current_roles cascade",
}


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
def test_migrating_keeps_one_again_that_nobody_kept(database: Database, ledger: LedgerScenario, broken: str) -> None:
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute(broken)
        assert not is_maintained(connection, role_headcount)
        bring_up_to_date(database, [members])
        assert is_maintained(connection, role_headcount)
        connection.execute(EDITS["a row planted"])
        assert list(rollup_drift(connection, role_headcount)) == []
