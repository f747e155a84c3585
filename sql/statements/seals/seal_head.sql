-- The end of the chain, and how far the log is sealed by then; no row where nothing is sealed.
select
    latest.number,
    latest.hash,
    latest.sealed_at,
    (select last_position from log_seal where kind = 'range' order by last_position desc limit 1) as sealed_position
from log_seal as latest
order by latest.number desc
limit 1
