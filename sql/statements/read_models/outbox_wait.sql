update effect_outbox
set state = 'waiting',
    attempts = 0,
    error = null,
    due_at = clock_timestamp()
where id = %(id)s and state = 'parked'
