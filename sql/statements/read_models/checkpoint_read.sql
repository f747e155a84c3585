-- In trigger mode all that this snapshot sees is folded.
select
    projection,
    version,
    case when state = 'trigger' then (select coalesce(max(id), 0) from webhook_audit_log) else position end as position,
    epoch,
    passed,
    counted,
    state,
    reason,
    parks_freely,
    active,
    reads
from projection_checkpoint
order by projection, version
