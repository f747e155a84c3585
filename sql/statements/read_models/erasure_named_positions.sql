-- Events, of whomever, in whose metadata or target one of the ids stands.
select id
from webhook_audit_log
where id > %(after)s
  and id <= %(upto)s
  and (metadata::text like any(erasure_patterns(%(words)s::text[])) or target like any(erasure_patterns(%(words)s::text[])))
order by id
