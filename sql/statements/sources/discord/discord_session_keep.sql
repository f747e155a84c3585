insert into discord_session as known (session_id, begun_at, last_sequence, last_received_at, resumed)
values (%(session_id)s, %(received_at)s, %(sequence)s, %(received_at)s, %(resumed)s)
on conflict (session_id) do update
set last_sequence = greatest(known.last_sequence, excluded.last_sequence),
    last_received_at = greatest(known.last_received_at, excluded.last_received_at),
    resumed = known.resumed + excluded.resumed,
    ended_at = null,
    how = null
