select
    (select coalesce(max(last_position), 0) from log_seal where kind = 'range') as sealed_position,
    (select coalesce(max(id), 0) from webhook_audit_log) as log_position,
    (select count(*) from log_seal where kind = 'range') as ranges,
    (select count(*) from log_seal where kind <> 'range') as entries,
    (select count(*) from log_seal where taken_over) as taken_over,
    (select max(sealed_at) from log_seal where kind = 'range') as sealed_at,
    case
        when sealer.expires_at > clock_timestamp()
         -- a standby has no connection of a sealer: there the time alone decides
         and (pg_is_in_recovery() or exists (select from pg_stat_activity where pid = sealer.backend_pid))
        then sealer.description
    end as sealer,
    proof.proven_position,
    proof.proven_at,
    greatest(proof.findings, jsonb_array_length(proof.found))
from sealer
cross join seal_proof as proof
