-- How many of these relations are there.
select count(to_regclass(name))
from unnest(%(names)s::text[]) as name
