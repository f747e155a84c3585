select count(*)
from inbox
where received_at < %(before)s
  and last_received_at < %(before)s
  and state in ('translated', 'set_aside', 'unparseable')
