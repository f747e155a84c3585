-- The newest first, each with the end of the one before: what was sent in between was not heard.
select
    session_id,
    begun_at,
    last_sequence,
    last_received_at,
    resumed,
    ended_at,
    how,
    lag(last_received_at) over (order by begun_at) as heard_until
from discord_session
order by begun_at desc
limit %(limit)s
