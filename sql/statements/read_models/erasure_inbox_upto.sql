-- The end of the next deliveries to look at; null when there are none.
select max(id)
from (select id from inbox where id > %(after)s order by id limit %(limit)s) as next
