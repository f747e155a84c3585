-- The events behind the end of the chain, up to a position that was sealed by what was noted outside; nulls for none.
select min(id), max(id) from webhook_audit_log where id > %(sealed)s and id <= %(upto)s
