-- Erasures that were begun and not finished.
select begun_at
from erasure
where finished_at is null
order by begun_at
