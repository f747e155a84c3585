-- Keys whose values are not those of the source: of both sides whether they have the key, then the values.
select {keys}, stored.rollup_there, counted.rollup_there, {stored_values}, {counted_values}
from (select true as rollup_there, * from ({stored}) as stored) as stored
full join (select true as rollup_there, * from ({counted}) as counted) as counted using ({keys})
where stored.rollup_there is null
   or counted.rollup_there is null
   or ({stored_values}) is distinct from ({counted_values})
order by {keys}
