-- What appends added each to a row of its own, in one row a key.
with moved as (
    delete from {storage} where rollup_part >= 0 returning *
)
insert into {storage} as stored ({columns})
select {keys}, -1, sum(rollup_rows)::bigint{summed} from moved group by {keys}
on conflict ({keys}, rollup_part) do update set {settings}
