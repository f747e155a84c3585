select projection, verified_position, extract(epoch from completed_at)::double precision as completed_at
from verification_round
