-- Events in (after, upto] about which something is not usual: by which effects are held back.
select
    log.id,
    imported.first_position is not null as imported,
    coalesce(log.metadata ? 'reconciled', false) as of_snapshot,
    greatest(log.recorded_at - log.occurred_at, interval '0') as age
from log_row as log
left join log_import_range as imported on log.id between imported.first_position and imported.last_position
where log.id > %(after)s
  and log.id <= %(upto)s
  and (%(positions)s::bigint[] is null or log.id = any(%(positions)s))
  and (
      imported.first_position is not null
      or log.metadata ? 'reconciled'
      or log.recorded_at - log.occurred_at > %(older_than)s
  )
