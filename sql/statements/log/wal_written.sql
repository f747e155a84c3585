-- Whether all that had been committed, by anybody, when *upto* was read is on the disk; and where the WAL ends now. What
-- can be read on a standby came from the disk of its primary.
select
    case
        when pg_is_in_recovery() then true
        else coalesce(pg_current_wal_flush_lsn() >= %(upto)s::pg_lsn, false)
    end as durable,
    case when not pg_is_in_recovery() then pg_current_wal_insert_lsn() end::text as insert_lsn
