insert into patreon_delivery_count as known (outcome, deliveries, last_received_at)
values (%(outcome)s, 1, %(received_at)s)
on conflict (outcome) do update
set deliveries = known.deliveries + 1,
    last_received_at = greatest(known.last_received_at, excluded.last_received_at)
