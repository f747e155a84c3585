-- Where the log and the rows of "members" are compared: what both sides have to agree on now. Fails where the rows are
-- of another version than the rules here, since then they differ by right. Of lanes that stand apart, the first one.
create or replace function members_comparable_position() returns bigint
language plpgsql stable as $$
declare
    there projection_checkpoint%rowtype;
begin
    select * into there from projection_checkpoint where projection = 'members' and active;
    if not found or there.version <> members_rules_version() then
        raise exception 'the rows of "members" are of another version than these rules'
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'run: temple db migrate && temple replay members';
    end if;
    return case
        when there.state = 'trigger' then (select coalesce(max(id), 0) from webhook_audit_log)
        else greatest(
            there.position,
            (
                select max(lane.position)
                from projection_lane as lane
                where (lane.projection, lane.version) = (there.projection, there.version)
            )
        )
    end;
end
$$;
