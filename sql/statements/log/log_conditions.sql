-- What the proof of gaps takes for granted, each as it is now. max(id) is read by the statement's snapshot, the
-- sequence after it: so an append in between cannot make the sequence look too low.
with sequence as (
    select pg_get_serial_sequence('webhook_audit_log', 'id')::regclass as name
)
select
    current_setting('server_version_num')::integer as server_version,
    pg_is_in_recovery() as standby,
    (
        select attidentity = 'a'
        from pg_attribute
        where attrelid = 'webhook_audit_log'::regclass and attname = 'id'
    ) as generated_always,
    sequence.name::text as sequence,
    rule.seqcache as cache,
    rule.seqincrement as increment,
    rule.seqcycle as cycles,
    has_sequence_privilege(sequence.name, 'select') as readable,
    (select coalesce(max(id), 0) from webhook_audit_log) as head,
    greatest(
        (select coalesce(max(position), 0) from projection_checkpoint),
        (select coalesce(max(position), 0) from projection_lane)
    ) as folded,
    -- null before the first number, too
    case
        when has_sequence_privilege(sequence.name, 'select') then pg_sequence_last_value(sequence.name)
    end as last_value,
    array(
        select rolname::text
        from pg_roles as role
        where not rolsuper
          and rolname !~ '^pg_'
          and not pg_has_role(role.oid, owner.relowner, 'member')
          and (
              has_sequence_privilege(role.oid, sequence.name, 'usage, update')
              or has_column_privilege(role.oid, 'webhook_audit_log'::regclass, 'id', 'insert, update')
          )
        order by rolname
    ) as drawing_roles,
    exists (
        select
        from pg_trigger
        where tgrelid = 'webhook_audit_log'::regclass
          and tgname = 'webhook_audit_log_is_append_only'
          and tgenabled = 'A'
          -- before (2) each statement (not 1) of delete (8), update (16) and truncate (32), of any column, always
          and tgtype & 59 = 58
          and tgattr = ''::int2vector
          and tgqual is null
          and tgfoid = to_regprocedure('refuse_to_change_the_log()')
    ) as append_only,
    exists (
        select
        from pg_index
        join pg_attribute on attrelid = indrelid and attname = 'event_id'
        where indrelid = 'webhook_audit_log'::regclass
          and indisunique
          and indisvalid
          and indpred is null
          and indnkeyatts = 1
          and indkey[0] = attnum
    ) as unique_events,
    array(
        select rulename::text from pg_rewrite where ev_class = 'webhook_audit_log'::regclass order by rulename
    ) as rules,
    (select relrowsecurity from pg_class where oid = 'webhook_audit_log'::regclass) as row_security,
    exists (
        select from pg_subscription_rel where srrelid = 'webhook_audit_log'::regclass
    ) as replicated_into
from sequence
left join pg_sequence as rule on rule.seqrelid = sequence.name
left join pg_class as owner on owner.oid = sequence.name
