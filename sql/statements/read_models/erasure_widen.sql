-- Ids of the person that were found after it began.
update erasure
set words = %(words)s,
    pseudonyms = %(pseudonyms)s,
    searched_position = 0
where id = %(erasure)s
