-- Whether somebody about whom there may be no event did something to a member or to the ledger, or is signed in.
select
    exists (select from webhook_audit_log where event_actor(metadata) = left(%(user_id)s, 100))
    or exists (select from ledger_operation where split_part(performed_by, ':', 2) = %(user_id)s)
    or exists (select from web_session where split_part(person, ':', 2) = %(user_id)s)
