select verified_position, next_user, began_at, completed_at
from verification_round
where projection = %(projection)s
  and version = %(version)s
