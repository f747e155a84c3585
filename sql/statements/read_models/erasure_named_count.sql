-- Events of others in which one of the ids stands.
select count(*)
from webhook_audit_log
where user_id <> all(%(words)s::text[])
  and (
      (
          metadata::text like any(erasure_patterns(%(words)s::text[]))
          and erasure_in_bytes(convert_to(metadata::text, 'UTF8'), %(words)s::text[])
      )
      or target = any(%(words)s::text[])
  )
