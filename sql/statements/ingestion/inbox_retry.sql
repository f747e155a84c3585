-- Back to waiting: those named, or all that are in this state.
update inbox
set state = 'waiting',
    note = null,
    translated_at = null
where state = %(state)s
  and (%(ids)s::bigint[] is null or id = any(%(ids)s))
  and (%(source)s::text is null or source = %(source)s)
  and (%(kind)s::text is null or kind = %(kind)s)
returning id
