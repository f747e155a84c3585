-- How many of the ids in (after, upto] are visible now: all of them, where there is no gap.
select count(*) from webhook_audit_log where id > %(after)s and id <= %(upto)s
