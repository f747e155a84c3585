-- Nothing is to be made of them: somebody has looked.
update inbox
set state = 'set_aside',
    note = %(note)s,
    translated_at = clock_timestamp()
where id = any(%(ids)s)
  and state in ('failed', 'unparseable')
returning id
