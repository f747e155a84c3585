select deliveries, last_received_at
from patreon_delivery_count
where outcome = %(outcome)s
