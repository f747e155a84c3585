-- Of the latest whole proof, or of the one that goes on where that has found more.
select case when findings >= jsonb_array_length(found) then proven_found else found end
from seal_proof
