-- The log is vacuumed after a fixed number of inserts. By PostgreSQL's default it is after a fifth of the table: with
-- 50,000,000 events after 10,000,000 more, which are then frozen in one long go, and until then no scan of an index
-- alone passes over them. Cost on a large table: none; the next vacuum, which was due anyway, reads what is new.
alter table webhook_audit_log set (
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 200000
);
