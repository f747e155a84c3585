-- Whether the log has nothing from this position up to the end of what is sealed.
select not exists (
    select
    from webhook_audit_log
    where id >= %(first)s
      and id <= (select max(last_position) from log_seal where kind = 'range')
)
