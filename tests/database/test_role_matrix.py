"""Each process takes the role with the least it needs; the database refuses the rest."""

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import joined

INSERT = (
    "insert into webhook_audit_log (event_id, timestamp, event_type, user_id, action, source) "
    "values (gen_random_uuid(), now(), 'x', 'x', 'x', 'x')"
)
PRIVILEGE = psycopg.errors.InsufficientPrivilege
APPEND_ONLY = psycopg.errors.RestrictViolation

INSERT_ID = INSERT.replace("(event_id,", "(id, event_id,").replace("values (", "overriding system value values (1, ")
INSERT_TIME = INSERT.replace("(event_id,", "(recorded_at, event_id,").replace("values (", "values (now(), ")

WRITERS = [DatabaseRole.APPEND, DatabaseRole.PROJECT, DatabaseRole.READ]
REFUSED = [
    *((role, statement, PRIVILEGE) for role in WRITERS for statement in (
        "update webhook_audit_log set source = 'y'",
        "delete from webhook_audit_log",
        "truncate webhook_audit_log",
        "drop table webhook_audit_log",
        "alter table webhook_audit_log disable trigger all",
        "select nextval('webhook_audit_log_id_seq')",
        "select setval('webhook_audit_log_id_seq', 1)",
        "create table mine (id integer)",
        "set session_replication_role = replica",
        "insert into ledger_migration (number, name, checksum) values (99, 'x', 'x')",
        "copy webhook_audit_log to program 'true'",
        "select pg_read_file('/etc/hostname')",
        "update ledger_operation set reason = 'forged'",
        "update ledger_operation set login = 'somebody else'",
        "insert into ledger_operation (kind, performed_by, login) values ('repair', 'ada', 'somebody else')",
        "insert into ledger_operation (kind, performed_by, login) values ('repair', 'ada', null)",
        "insert into ledger_operation (kind, performed_by, performed_at) values ('repair', 'ada', '2020-01-01Z')",
        "delete from ledger_operation",
        "delete from skipped_position",
    )),
    *((role, INSERT, PRIVILEGE) for role in (DatabaseRole.PROJECT, DatabaseRole.READ)),
    (DatabaseRole.APPEND, INSERT_ID, PRIVILEGE),
    (DatabaseRole.APPEND, INSERT_TIME, PRIVILEGE),
    (DatabaseRole.APPEND, "delete from inbox", PRIVILEGE),
    (DatabaseRole.APPEND, "update inbox set state = 'ignored'", PRIVILEGE),
    (DatabaseRole.APPEND, "delete from discord_user_current_roles", PRIVILEGE),
    (DatabaseRole.APPEND, "update projection_checkpoint set position = 0", PRIVILEGE),
    (DatabaseRole.READ, "delete from temple_member_status", PRIVILEGE),
    *((role, statement, APPEND_ONLY) for role in (DatabaseRole.OWNER, DatabaseRole.LOGIN) for statement in (
        "update webhook_audit_log set source = 'y'",
        # what an erasure may change
        "update webhook_audit_log set user_id = 'y'",
        "delete from webhook_audit_log",
        "truncate webhook_audit_log",
        "set session_replication_role = replica; delete from webhook_audit_log",
    ) if not (role is DatabaseRole.OWNER and "replica" in statement)),
]  # fmt: skip


@pytest.mark.parametrize(("role", "statement", "error"), REFUSED)
def test_what_a_role_may_not_do_is_refused(
    database: Database, role: DatabaseRole, statement: str, error: type[psycopg.Error]
) -> None:
    LedgerScenario(database).given(joined("ada"))
    with database.connect(role) as connection, pytest.raises(error):
        connection.execute(statement.encode())
    with database.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select count(*) from webhook_audit_log").fetchone() == (1,)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (DatabaseRole.APPEND, INSERT),
        (DatabaseRole.APPEND, "select count(*) from webhook_audit_log"),
        (DatabaseRole.APPEND, "update inbox set repeats = repeats, last_received_at = now()"),
        (DatabaseRole.PROJECT, "delete from discord_user_current_roles"),
        (DatabaseRole.PROJECT, "update projection_checkpoint set position = position"),
        (DatabaseRole.PROJECT, "insert into ledger_operation (kind, performed_by) values ('repair', 'ada')"),
        (DatabaseRole.READ, "select * from webhook_audit_trail"),
        *((role, "select * from log_row") for role in WRITERS),
        (DatabaseRole.READ, "select * from discord_user_current_roles_named"),
    ],
)
def test_what_a_role_needs_it_may_do(database: Database, role: DatabaseRole, statement: str) -> None:
    with database.connect(role) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize("role", [DatabaseRole.OWNER, DatabaseRole.LOGIN])
@pytest.mark.parametrize(
    "statement",
    [
        "update ledger_operation set reason = 'forged'",
        "delete from ledger_operation",
        "truncate ledger_operation",
        "insert into ledger_operation (kind, performed_by, login) values ('repair', 'ada', 'somebody else')",
        "insert into ledger_operation (kind, performed_by, login) values ('repair', 'ada', null)",
    ],
)
def test_nobody_changes_the_journal_or_says_who_logged_in(
    database: Database, role: DatabaseRole, statement: str
) -> None:
    with database.connect(DatabaseRole.PROJECT) as connection:
        connection.execute("insert into ledger_operation (kind, performed_by) values ('repair', 'ada')")
    with database.connect(role) as connection, pytest.raises(APPEND_ONLY):
        connection.execute(statement.encode())


@pytest.mark.parametrize("statement", ["update ledger_operation set reason = 'x'", "delete from ledger_operation"])
def test_switching_triggers_off_does_not_open_the_journal(database: Database, statement: str) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("set session_replication_role = replica")
        with pytest.raises(APPEND_ONLY):
            connection.execute(statement.encode())


@pytest.mark.parametrize("role", [DatabaseRole.PROJECT, DatabaseRole.OWNER])
def test_the_journal_records_the_login_and_not_the_role_it_set(database: Database, role: DatabaseRole) -> None:
    with database.connect(role) as connection:
        login, current, recorded = connection.execute(
            "insert into ledger_operation (kind, performed_by) values ('repair', 'ada')"
            " returning session_user, current_user, login"
        ).fetchone() or (None, None, None)
    assert recorded == login
    assert (current, login != current) == (role.value, True)
