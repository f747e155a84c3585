"""An error of the database is one sentence: what was in the way, and whether to try again."""

import psycopg
import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, in_words, passes
from temple_ledger.infrastructure.database.session_settings import set_for_session

BIG = "select count(*) from (select number from generate_series(1, 100000) as number order by -number) as sorted"
TEMPORARY = (
    "the database has run into a limit (temporary file size exceeds temp_file_limit (0kB)); see to that, then try again"
)
LIMITS = {
    "temp_file_limit": (
        {"temp_file_limit": "0", "work_mem": "64kB"},
        BIG,
        TEMPORARY,
    ),
    "statement_timeout": (
        {"statement_timeout": "1"},
        "select pg_sleep(60)",
        "the database cancelled the statement: somebody or a time limit ended it; try again",
    ),
    "lock_timeout": (
        {"lock_timeout": "1"},
        "lock table webhook_audit_log",
        "somebody else holds what is needed, and did not let go in time; try again",
    ),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_is_named(database: Database, limit: str) -> None:
    settings, wanted, sentence = LIMITS[limit]
    with (
        database.connect(DatabaseRole.LOGIN, autocommit=False) as other,
        database.connect(DatabaseRole.LOGIN) as connection,
    ):
        other.execute("lock table webhook_audit_log")
        for name, value in settings.items():
            set_for_session(connection, name, value)
        with pytest.raises(psycopg.Error) as raised, connection.transaction():
            connection.execute(wanted.encode())
    assert in_words(raised.value) == sentence
    assert passes(raised.value)
