-- Which keys the stored tokens are encrypted with; those in clear need none.
select distinct key_digest
from patreon_token_state
where key_digest is not null
