insert into retracted_range (first_position, last_position, retraction)
select first_position, last_position, %(retraction)s
from unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) as given (first_position, last_position)
