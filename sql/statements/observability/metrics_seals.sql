-- Of the end of the chain, and of the latest proof.
select
    coalesce((select max(last_position) from log_seal where kind = 'range'), 0),
    greatest(
        0,
        (select coalesce(max(id), 0) from webhook_audit_log)
            - coalesce((select max(last_position) from log_seal where kind = 'range'), 0)
    ),
    latest.number,
    ('x' || encode(substr(latest.hash, 1, 6), 'hex'))::bit(48)::bigint,
    extract(epoch from latest.sealed_at),
    proof.proven_position,
    extract(epoch from proof.proven_at),
    greatest(proof.findings, jsonb_array_length(proof.found))
from seal_proof as proof
left join lateral (select number, hash, sealed_at from log_seal order by number desc limit 1) as latest on true
