-- The chain, oldest first, with all that a hash is made of.
select
    number, kind, sealed_at, first_position, last_position, events, positions::text, subject, taken_over, drawn,
    accepts, encode(sha256(leaves), 'hex') as leaves, encode(digest, 'hex') as digest, encode(hash, 'hex') as hash
from log_seal
where number > %(after)s
order by number
limit %(limit)s
