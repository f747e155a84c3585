select webhook_id, paused, failures, extract(epoch from read_at)::double precision as read_at
from patreon_webhook
order by read_at desc
limit %(limit)s
