select
    count(*) filter (where doubt = 'loss'),
    count(*) filter (where doubt = 'order'),
    count(*) filter (where doubt = 'tier'),
    extract(epoch from clock_timestamp() - min(look_again_at))::float8
from patreon_member
where look_again_at is not null
