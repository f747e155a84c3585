"""The log is vacuumed by the number of inserts, however long it is."""

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole


def test_the_log_is_vacuumed_after_a_number_of_inserts_and_not_after_a_share_of_it(database: Database) -> None:
    with database.connect(DatabaseRole.READ) as connection:
        found = connection.execute(
            "select option_name, option_value::float from pg_class, pg_options_to_table(reloptions)"
            " where oid = 'webhook_audit_log'::regclass and option_name like 'autovacuum_vacuum_insert%'"
        ).fetchall()
    settings: dict[str, float] = dict(found)
    assert settings["autovacuum_vacuum_insert_scale_factor"] == 0
    assert 0 < settings["autovacuum_vacuum_insert_threshold"] <= 1_000_000
