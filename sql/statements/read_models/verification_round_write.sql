insert into verification_round (projection, version, verified_position, next_user, completed_at)
values (%(projection)s, %(version)s, %(position)s, %(next_user)s, case when %(completed)s then clock_timestamp() end)
on conflict (projection, version) do update
set verified_position = greatest(verification_round.verified_position, excluded.verified_position),
    next_user = excluded.next_user,
    began_at = case when %(completed)s then clock_timestamp() else verification_round.began_at end,
    completed_at = coalesce(excluded.completed_at, verification_round.completed_at)
