select changed_position, user_before, user_after
from erase_from_log(%(erasure)s, %(positions)s)
