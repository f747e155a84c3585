update inbox
set state = given.state,
    note = given.note,
    translated_at = clock_timestamp()
from unnest(%(ids)b::bigint[], %(states)b::text[], %(notes)b::text[]) as given (id, state, note)
where inbox.id = given.id
