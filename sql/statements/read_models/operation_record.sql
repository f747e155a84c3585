insert into ledger_operation (kind, projection, performed_by, reason, details)
values (%(kind)s, %(projection)s, %(performed_by)s, %(reason)s, %(details)s::jsonb)
returning id
