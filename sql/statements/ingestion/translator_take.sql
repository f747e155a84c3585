-- Waits for whoever holds it.
select source
from translator
where source = %(source)s
for update
