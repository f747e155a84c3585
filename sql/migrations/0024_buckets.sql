-- Members by buckets, as an archive is ordered, and rebuilds that are cut by them. Cost on a large table: none.
create function member_bucket(user_id text) returns integer
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
    select get_byte(sha256(convert_to(user_id, 'UTF8')), 0) * 4 + get_byte(sha256(convert_to(user_id, 'UTF8')), 1) / 64
$$;
comment on function member_bucket is
    'one of 1024 shares of the members: the first 10 bits of SHA-256 of the id; an archive is ordered by it';

alter table projection_rebuild
    add column cut varchar(10) not null default 'members' check (cut in ('members', 'buckets'));
alter table projection_rebuild_range
    add column first_bucket smallint,
    add column last_bucket smallint;
comment on column projection_rebuild.cut is 'how its ranges are cut; a rebuild that was cut in one way is not resumed in the other';
