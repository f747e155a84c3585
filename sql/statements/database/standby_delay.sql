-- How far a standby is behind, in seconds: 0 where all that came is replayed, null where nothing was replayed yet. Where
-- nothing comes (not connected) it is the age of the last commit that was replayed, and the true delay may be less.
select
    exists (select from pg_stat_wal_receiver) as connected,
    case
        when exists (select from pg_stat_wal_receiver) and pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() then 0.0
        else greatest(0.0, extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()))
    end::double precision as seconds
