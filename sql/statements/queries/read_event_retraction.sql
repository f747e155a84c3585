-- No row where the position is not retracted.
select retraction.id, retraction.retracted_by, retraction.reason, retraction.retracted_at
from retracted_range as part
join log_retraction as retraction on retraction.id = part.retraction
where %(position)s between part.first_position and part.last_position
