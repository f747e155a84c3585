insert into inbox_source (source)
select distinct source
from unnest(%(sources)b::text[]) as given (source)
order by source
on conflict (source) do nothing
