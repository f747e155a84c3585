update effect_outbox
set attempts = attempts + 1,
    error = %(error)s
where id = %(id)s
