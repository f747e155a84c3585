update effect_outbox
set state = 'skipped',
    ended_at = clock_timestamp()
where id = %(id)s and state in ('waiting', 'failed', 'parked')
returning id
