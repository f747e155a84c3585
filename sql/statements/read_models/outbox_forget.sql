delete from effect_outbox
where id = %(id)s
