update erasure
set finished_at = clock_timestamp(),
    words = null,
    pseudonyms = null,
    notes = null,
    secret = null
where id = %(erasure)s
