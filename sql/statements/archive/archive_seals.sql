-- These seals and what they are salted with. The leaves of a range with a key follow from that and from its events: they
-- are most of a seal, and left out where nobody accepted something else.
with accepted as (
    select coalesce(range_agg(positions), '{}') as positions from log_seal where kind = 'accept'
),
edited as (
    select key::bigint as number
    from log_seal
    cross join lateral jsonb_object_keys(accepts -> 'seals') as key
    where kind = 'accept'
)
select jsonb_build_object(
    'log_seal', (
        select jsonb_agg(
            case
                when seal.kind = 'range'
                    and secret.key is not null
                    and not seal.positions && accepted.positions
                    and seal.number not in (select number from edited)
                then to_jsonb(seal) - 'leaves'
                else to_jsonb(seal)
            end
            order by seal.number
        )
        from log_seal as seal
        cross join accepted
        left join seal_key as secret on secret.number = seal.number
        where seal.number between %(first)s and %(last)s
    ),
    'seal_key', (
        select coalesce(jsonb_agg(to_jsonb(secret) order by number), '[]')
        from seal_key as secret
        where number between %(first)s and %(last)s
    )
)::text
