-- The chain in parts of so many seals, as far as it is about events up to a position and about erasures that are known:
-- for each part its number, its last seal, and a digest of what erasures and acceptances made of it.
with ending as (
    select coalesce(min(number), 9223372036854775807) as number
    from log_seal
    where last_position > %(upto)s
       or upper(positions) - 1 > %(upto)s
       or kind = 'erase' and subject <> all(%(erasures)s::text[])
),
accepted as (
    select
        coalesce(range_agg(positions), '{}') as positions,
        coalesce(jsonb_object_agg(number, accepts -> 'seals'), '{}') as seals
    from log_seal
    where kind = 'accept'
)
select
    (seal.number - 1) / %(seals)s as part,
    max(seal.number) as last_number,
    coalesce(md5(string_agg(
        concat_ws(':', seal.number, secret.closed, seal.positions * accepted.positions), ' ' order by seal.number
    ) filter (where secret.opened is not null or seal.positions && accepted.positions)), '')
        || md5(accepted.seals::text) as changed
from log_seal as seal
cross join ending
cross join accepted
left join seal_key as secret on secret.number = seal.number
where seal.number < ending.number
  and exists (select from log_seal as range where range.kind = 'range' and range.number < ending.number)
group by part, accepted.seals
order by part
