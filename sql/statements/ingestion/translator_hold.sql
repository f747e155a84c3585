-- Nothing comes back when there is no such row yet, or when somebody else holds it.
select source
from translator
where source = %(source)s
for update skip locked
