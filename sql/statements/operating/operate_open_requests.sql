-- The oldest first. A request is trusted when the database wrote down for it a login that may ask.
select request.id, request.details, request.performed_by, request.login, request.reason, request.performed_at,
    coalesce(
        (
            select pg_has_role(asker.oid, 'temple_operate', 'member')
            from pg_roles as asker
            where asker.rolname = request.login
        ),
        false
    )
from ledger_operation as request
where request.kind = 'request'
  and not exists (
      select from ledger_operation as answer
      where answer.kind in ('request carried out', 'request refused')
        and answer.details ->> 'request' = request.id::text
  )
order by request.id
