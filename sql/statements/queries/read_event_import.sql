select import
from log_import_range
where %(position)s between first_position and last_position
