select webhook_id, uri, paused, failures, last_attempted_at, triggers, read_at
from patreon_webhook
order by webhook_id
