-- Roles that the log gives and the table lacks, or the other way round. Everything in it reads one snapshot, the
-- caller's: stable functions take none of their own.
create or replace function validate_ledger_consistency() returns table (
    user_id varchar(100),
    role varchar(100),
    issue_type varchar(50),
    audit_state varchar(20),
    derived_state varchar(20)
)
language plpgsql stable as $$
#variable_conflict use_column
declare
    upto constant bigint := members_comparable_position();
begin
    return query
    select
        coalesce(folded.user_id, stored.user_id),
        coalesce(folded.role, stored.role),
        case when folded.role is null then 'missing_in_audit' else 'missing_in_derived' end::varchar(50),
        case when folded.role is null then 'missing' else 'present' end::varchar(20),
        case when stored.role is null then 'missing' else 'present' end::varchar(20)
    from (select * from members_folded(upto, null, null) as each where each.role is not null) as folded
    full join discord_user_current_roles as stored
        on stored.user_id = folded.user_id
       and stored.role = folded.role
    where folded.role is null
       or stored.role is null;
end
$$;
