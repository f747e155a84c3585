-- Whether the log had a later fact of the same member before this event came in.
select exists (
    select from webhook_audit_log as before
    where before.user_id = %(user_id)s
      and before.timestamp > %(at)s
      and before.id < %(position)s
)
