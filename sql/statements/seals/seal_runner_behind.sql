-- Whether a runner is at work, and more than so many positions behind: then sealing makes room for it.
select exists (
    select
    from projection_checkpoint as checkpoint
    join projection_lease as lease using (projection, version)
    where checkpoint.state = 'running'
      and lease.expires_at > clock_timestamp()
      and checkpoint.position + %(positions)s < (select max(id) from webhook_audit_log)
)
