-- What belongs to no range: what is left out, journal rows, events that are not sealed yet, and below the first position
-- that was ever given; triggers that do not always fire, or do something else; row security, which hides events.
select seal, finding, first_position, last_position from seal_check_entries()
union all
select seal, finding, first_position, last_position from seal_check_tail()
union all
select null, 'added', lower(part), upper(part) - 1
from (select range_agg(int8range(id, id, '[]')) as positions from webhook_audit_log where id < 1) as below
cross join lateral unnest(below.positions) as part
where exists (select from log_seal)
union all
select null, 'trigger ' || found.tgname, null, null
from pg_trigger as found
join pg_proc as called on called.oid = found.tgfoid
-- before (2) delete (8), update (16) and truncate (32), each statement; or each row (1)
join (
    values
        ('webhook_audit_log_is_append_only', 58, 'refuse_to_change_the_log', 'c018c33b11ac333aabb3f97d280d0391'),
        ('webhook_audit_log_stays_the_same_fact', 19, 'refuse_to_change_a_fact', 'f4afd0d4ef156e667878acc58822b459')
) as wanted (name, type, function, body) on wanted.name = found.tgname
where found.tgrelid = 'webhook_audit_log'::regclass
  and found.tgenabled = 'A'
  and (
      found.tgtype <> wanted.type
      or found.tgqual is not null
      or found.tgattr <> ''::int2vector
      or called.proname <> wanted.function
      or md5(called.prosrc) <> wanted.body
  )
union all
select null, 'hidden', null, null
from pg_class
where oid = 'webhook_audit_log'::regclass and relrowsecurity
order by first_position, finding
