-- None of them is between reading a delivery and appending what follows from it.
select source
from translator
order by source
for update
