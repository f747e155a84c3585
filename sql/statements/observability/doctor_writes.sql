-- whether the server is a standby, whether sessions begin as read-only, and what set that
select pg_is_in_recovery(), setting, source from pg_settings where name = 'default_transaction_read_only'
