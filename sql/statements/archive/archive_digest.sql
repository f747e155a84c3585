-- What a range of the log is, in a number: the sum of a hash of each row. It does not depend on any order.
select
    count(*),
    coalesce(sum(hash_record_extended(
        row(id, event_id, timestamp, event_type, user_id, action, target, metadata, source, recorded_at), 0
    )), 0)::numeric
from webhook_audit_log
where id > %(after)s and id <= %(upto)s
