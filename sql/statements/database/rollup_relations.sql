-- How many of these relations are there.
select count(to_regclass(quote_ident(name)))
from unnest(%(names)s::text[]) as name
