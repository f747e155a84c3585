-- What moves when something happened: the end of the log, and what the projections have made of it.
select
    coalesce((select max(id) from webhook_audit_log), 0),
    coalesce((select sum(position + epoch) from projection_checkpoint), 0)::bigint
