-- What else belongs to the events up to a position: what was skipped, imported, retracted, erased, accepted.
select jsonb_build_object(
    'skipped_position', (
        select coalesce(jsonb_agg(to_jsonb(each) order by projection, position), '[]')
        from skipped_position as each
        where position <= %(upto)s
    ),
    'log_import', (select coalesce(jsonb_agg(to_jsonb(each) order by id), '[]') from log_import as each),
    'log_import_range', (
        select coalesce(jsonb_agg(to_jsonb(each) order by first_position), '[]')
        from log_import_range as each
        where first_position <= %(upto)s
    ),
    'log_retraction', (select coalesce(jsonb_agg(to_jsonb(each) order by id), '[]') from log_retraction as each),
    'retracted_range', (
        select coalesce(jsonb_agg(to_jsonb(each) order by first_position), '[]')
        from retracted_range as each
        where first_position <= %(upto)s
    ),
    'erasure', (
        select coalesce(jsonb_agg(to_jsonb(each) order by id), '[]')
        from (select id, begun_at, finished_at, steps from erasure) as each
        where id = any(%(erasures)s::uuid[])
    ),
    'erased_position', (
        select coalesce(jsonb_agg(to_jsonb(each) order by erasure, position), '[]')
        from erased_position as each
        where position <= %(upto)s and erasure = any(%(erasures)s::uuid[])
    ),
    'ledger_operation', (
        select coalesce(jsonb_agg(to_jsonb(each) order by id), '[]')
        from ledger_operation as each
        where id in (select subject::bigint from log_seal where kind = 'accept')
    )
)::text
