-- All but this one; null: all of them.
update discord_session
set ended_at = coalesce(%(at)s, last_received_at),
    how = %(how)s
where ended_at is null
  and (%(but)s::text is null or session_id <> %(but)s)
