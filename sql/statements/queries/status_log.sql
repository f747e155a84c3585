select id, recorded_at, extract(epoch from clock_timestamp() - recorded_at)::double precision as age_seconds
from webhook_audit_log
order by id desc
limit 1
