"""Who may read and write what is known of patrons."""

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole

TABLES = ("patreon_member", "patreon_link", "patreon_person", "patreon_tier", "patreon_webhook")


@pytest.mark.parametrize("role", [DatabaseRole.APPEND, DatabaseRole.PROJECT, DatabaseRole.READ])
def test_everybody_reads_what_is_known_and_how_the_token_is(database: Database, role: DatabaseRole) -> None:
    with database.connect(role) as connection:
        for table in (*TABLES, "patreon_token_state"):
            connection.execute(f"select * from {table}".encode())


@pytest.mark.parametrize("role", [DatabaseRole.APPEND, DatabaseRole.PROJECT, DatabaseRole.READ])
@pytest.mark.parametrize("table", TABLES)
def test_only_who_translates_writes(database: Database, role: DatabaseRole, table: str) -> None:
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"delete from {table}".encode())


@pytest.mark.parametrize(
    "role", [DatabaseRole.APPEND, DatabaseRole.TRANSLATE, DatabaseRole.PROJECT, DatabaseRole.READ, DatabaseRole.SEAL]
)
@pytest.mark.parametrize(
    "statement", ["select access_token from patreon_token", "update patreon_token set access_token = 'mine'"]
)
def test_only_who_asks_patreon_sees_tokens(database: Database, role: DatabaseRole, statement: str) -> None:
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize("role", [DatabaseRole.APPEND, DatabaseRole.TOKENS])
def test_no_role_forgets_a_token(database: Database, role: DatabaseRole) -> None:
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("delete from patreon_token")
