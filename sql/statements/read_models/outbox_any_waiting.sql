select from effect_outbox
where sink = %(sink)s and state = 'waiting'
limit 1
