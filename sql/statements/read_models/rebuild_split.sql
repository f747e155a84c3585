-- A sample of pages is enough: the ranges need not be equal, only many.
select percentile_disc(%(shares)s::float8[]) within group (order by user_id)
from webhook_audit_log tablesample system (5)
