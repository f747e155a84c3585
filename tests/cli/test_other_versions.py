"""What changes tables or what counts, by code that is older or newer than the database: nothing is done."""

from collections.abc import Sequence

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from tests.cli.conftest import Typed
from tests.log.builders import rows

CHANGES: list[Sequence[str]] = [
    ("events", "retract", "1", "--reason", "wrong", "--apply"),
    ("member", "erase", "700", "--reason", "asked us to", "--apply", "--yes"),
    ("replay", "members", "--apply"),
    ("projection", "pause", "members"),
    ("repair", "--apply", "--reason", "drift"),
]
GRANT = ("events", "append", "--type", "discord_role_change/added", "--user", "700", "--target", "400000000000000002")


@pytest.fixture
def folded(temple: Typed, database: Database) -> Database:
    """With a row that differs, for a repair."""
    assert temple(*GRANT, "--timestamp", "2026-03-01T18:00:00Z").code == 0
    assert temple("run", "--until-caught-up").code == 0
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("update temple_member_status set total_roles_count = 9")
    return database


def what_there_is(database: Database) -> list[object]:
    with database.connect(DatabaseRole.READ) as connection:
        return [
            *rows(database, "user_id"),
            *connection.execute("select total_roles_count from temple_member_status"),
            *connection.execute("select state from projection_checkpoint order by projection"),
            *connection.execute("select count(*) from log_retraction"),
            *connection.execute("select count(*) from ledger_operation"),
        ]


@pytest.mark.parametrize("arguments", CHANGES, ids=" ".join)
@pytest.mark.parametrize(
    ("migration", "reason"),
    [
        ("insert into ledger_migration (number, name, checksum) values (900, '0900_of_tomorrow', '')", "newer version"),
        ("delete from ledger_migration where number = (select max(number) from ledger_migration)", "temple db migrate"),
    ],
    ids=["older code", "newer code"],
)
def test_code_of_another_version_changes_nothing(
    temple: Typed, folded: Database, migration: str, reason: str, arguments: Sequence[str]
) -> None:
    with folded.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(migration)
    before = what_there_is(folded)
    ended = temple(*arguments)
    assert (ended.code, reason in ended.stderr) == (5, True)
    assert what_there_is(folded) == before


def test_an_event_is_appended_beside_an_upgrade(temple: Typed, folded: Database) -> None:
    with folded.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("insert into ledger_migration (number, name, checksum) values (900, 'of_tomorrow', '')")
    assert temple(*GRANT, "--timestamp", "2026-03-02T18:00:00Z").code == 0
