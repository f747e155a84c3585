-- The one that goes on of this person, if one was begun and not finished.
select id, words, pseudonyms
from erasure
where finished_at is null
  and words && %(words)s::text[]
order by begun_at
limit 1
