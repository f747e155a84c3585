insert into log_import (file, imported_by)
values (%(file)s, coalesce(%(imported_by)s, session_user))
returning id
