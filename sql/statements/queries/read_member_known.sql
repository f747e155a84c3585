select
    exists (select from temple_member_status where user_id = %(user_id)s)
    or exists (select from webhook_audit_log where user_id = %(user_id)s)
