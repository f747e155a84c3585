-- Nothing before the first session.
select
    extract(epoch from max(last_received_at))::double precision as last_received_at,
    count(*) filter (where ended_at is null) as open,
    count(*) as sessions,
    coalesce(sum(resumed), 0) as resumed
from discord_session
having count(*) > 0
