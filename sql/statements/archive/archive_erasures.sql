-- Erasures that are finished.
select id::text from erasure where finished_at is not null order by finished_at, id
