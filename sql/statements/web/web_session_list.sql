select id, person, rights, how, signed_in_at, last_seen_at
from web_session
where revoked_at is null
  and expires_at > clock_timestamp()
  and last_seen_at + make_interval(secs => idle_seconds) > clock_timestamp()
order by last_seen_at desc, id desc
limit 100
