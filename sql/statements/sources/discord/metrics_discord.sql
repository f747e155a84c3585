-- Nothing before the first session.
select
    extract(epoch from max(last_received_at))::double precision as last_received_at,
    count(*) filter (where ended_at is null) as open,
    count(*) as sessions,
    coalesce(sum(resumed), 0) as resumed,
    (select coalesce(extract(epoch from removed_at), 0)::double precision from discord_feed) as removed_at,
    (select coalesce(extract(epoch from unavailable_since), 0)::double precision from discord_feed) as unavailable_since
from discord_session
having count(*) > 0
