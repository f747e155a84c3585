-- No position is given twice, be it one that was drawn and never used.
select setval(
    pg_get_serial_sequence('public.webhook_audit_log', 'id'),
    greatest(%(drawn)s::bigint, (select max(id) from public.webhook_audit_log), 1),
    greatest(%(drawn)s::bigint, (select max(id) from public.webhook_audit_log), 0) > 0
)
