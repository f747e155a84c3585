-- Of these heads, noted outside, those that are not on the chain, unless somebody accepted that since.
select given.place
from unnest(%(numbers)s::bigint[], %(hashes)s::text[], %(positions)s::bigint[], %(times)s::timestamptz[])
    with ordinality as given (number, hash, position, sealed_at, place)
left join log_seal as seal on seal.number = given.number
where seal.hash is distinct from decode(given.hash, 'hex')
  and not exists (
      select
      from log_seal as accepted
      where accepted.kind = 'accept'
        and accepted.sealed_at > given.sealed_at
        and given.position between (accepted.accepts ->> 'first')::bigint and (accepted.accepts ->> 'last')::bigint
  )
order by given.place
