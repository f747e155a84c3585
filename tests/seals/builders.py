"""A sealed ledger, and a superuser who changes it."""

from typing import Any, Final

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.seals.head import Head, read_head
from temple_ledger.infrastructure.seals.proof import Proof, prove
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added

RANGE: Final = 3
EVENTS: Final = 12
LOG: Final = "webhook_audit_log"
TRIGGERS: Final = ("webhook_audit_log_is_append_only", "webhook_audit_log_stays_the_same_fact")
SEALS: Final = ("log_seal_is_append_only", "log_seal_is_not_emptied")

PLANTED_SKIP: Final = """insert into skipped_position (projection, position, user_id, skipped_by, reason)
values ('members', 5, 'bo', 'eve', 'x')"""
PLANTED_RETRACTION: Final = """
with made as (insert into log_retraction (reason, retracted_by) values ('x', 'eve') returning id)
insert into retracted_range select 4, 6, id from made"""


def sealed(database: Database, events: int = EVENTS) -> LedgerScenario:
    """So many events in ranges of three: Ada's at 1, 4, 7 …, Bo's at 2, 5 …, Cy's at 3, 6 …"""
    ledger = LedgerScenario(database)
    ledger.given(
        *(
            role_added(user_id, f"role {number}", at(number), by="mod") if number else joined(user_id)
            for number in range(events // 3)
            for user_id in ("ada", "bo", "cy")
        )
    )
    ledger.catch_up()
    seal(database)
    return ledger


def seal(database: Database, size: int = RANGE) -> None:
    """All that is in the log, in ranges of so many events."""
    with database.connect(DatabaseRole.SEAL) as connection:
        while connection.execute("select from seal_range(9999999, %s)", (size,)).rowcount:
            pass


def tampered(database: Database, *statements: str) -> None:
    """As a superuser who leaves no trace: the triggers are off meanwhile, and on again as they were."""
    guarded = [*((LOG, each) for each in TRIGGERS), *(("log_seal", each) for each in SEALS)]
    with database.connect(DatabaseRole.LOGIN) as connection, connection.transaction():
        for table, trigger in guarded:
            connection.execute(f"alter table {table} disable trigger {trigger}".encode())
        for each in statements:
            connection.execute(each.encode())
        for table, trigger in guarded:
            connection.execute(f"alter table {table} enable always trigger {trigger}".encode())


def found(database: Database) -> list[tuple[str, int | None, int | None]]:
    """What a whole proof finds: kind, first and last position."""
    return [(each.kind, each.first, each.last) for each in proof(database).findings]


def proof(database: Database, **settings: Any) -> Proof:
    return prove(database, anew=True, **settings)


def executed(database: Database, statement: str) -> None:
    with database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(statement.encode())


def head_of(database: Database) -> Head:
    with database.connect(DatabaseRole.READ) as connection:
        head = read_head(connection)
    assert head is not None
    return head
