-- No row where there is no such import; null where it added nothing.
select part.first_position, part.last_position
from log_import as import
left join log_import_range as part on part.import = import.id
where import.id = %(import)s
order by part.first_position
