-- As before, but worked into the statement that calls it: a function that sets its own search_path, or promises more than
-- what it calls does, is called for every row instead, which took three times as long (5.6 against 1.8 microseconds). Names
-- are qualified, so that no search_path matters. Cost on a large table: none; no index or column is made of it.
create or replace function lane_of(user_id varchar) returns smallint
language sql stable strict parallel safe as $$
    select (
        pg_catalog.get_byte(pg_catalog.sha256(pg_catalog.convert_to(user_id, 'UTF8')), 0) operator(pg_catalog.>>) 4
    )::pg_catalog.int2
$$;
