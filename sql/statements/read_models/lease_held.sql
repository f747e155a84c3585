select projection, version
from projection_lease
where holder = %(holder)s
