-- Leaves that the archive left out are made again of the events: where those are not what was sealed, the seal does not hold.
insert into log_seal
select
    seal.number, seal.kind, seal.sealed_at, seal.first_position, seal.last_position, seal.events, seal.positions,
    seal.subject, seal.taken_over, seal.drawn, seal.accepts,
    coalesce(seal.leaves, made.leaves, ''), seal.digest, seal.hash
from jsonb_populate_recordset(null::log_seal, %(log_seal)s::jsonb) as seal
left join jsonb_populate_recordset(null::seal_key, %(seal_key)s::jsonb) as secret using (number)
cross join lateral (
    select string_agg(substr(log_leaf(seal_salt(secret.key, id), log), 1, 8), '' order by id) as leaves
    from webhook_audit_log as log
    where seal.leaves is null and id between seal.first_position and seal.last_position
) as made
order by seal.number
