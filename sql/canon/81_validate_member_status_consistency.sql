-- What the canon's function does not look at: rows of temple_member_status that are missing or too many, and values
-- that differ in either table. column_name is null where a whole row is missing or too many.
create or replace function validate_member_status_consistency() returns table (
    user_id varchar(100),
    table_name varchar(63),
    role varchar(100),
    column_name varchar(63),
    audit_value text,
    derived_value text
)
language plpgsql stable as $$
#variable_conflict use_column
declare
    upto constant bigint := members_comparable_position();
begin
    return query
    with folded as materialized (
        select * from members_folded(upto, null, null)
    )
    select
        coalesce(member.user_id, stored.user_id),
        'temple_member_status'::varchar(63),
        null::varchar(100),
        compared.column_name::varchar(63),
        compared.audit_value,
        compared.derived_value
    from (select * from folded where role is null) as member
    full join temple_member_status as stored on stored.user_id = member.user_id
    cross join lateral (
        select
            null::text,
            case when member.user_id is null then 'missing' else 'present' end,
            case when stored.user_id is null then 'missing' else 'present' end
        where member.user_id is null or stored.user_id is null
        union all
        select each.*
        from (
            values
                ('discord_joined_at', member.discord_joined_at::text, stored.discord_joined_at::text),
                ('patreon_tier', member.patreon_tier, stored.patreon_tier),
                ('total_roles_count', member.total_roles_count::text, stored.total_roles_count::text),
                ('last_activity', member.last_activity::text, stored.last_activity::text),
                ('status', member.status, stored.status)
        ) as each (column_name, audit_value, derived_value)
        where member.user_id is not null
          and stored.user_id is not null
          and each.audit_value is distinct from each.derived_value
    ) as compared (column_name, audit_value, derived_value)
    where (
        member.discord_joined_at, member.patreon_tier, member.total_roles_count, member.last_activity, member.status,
        member.user_id
    ) is distinct from (
        stored.discord_joined_at, stored.patreon_tier, stored.total_roles_count, stored.last_activity, stored.status,
        stored.user_id
    )
    union all
    select
        stored.user_id,
        'discord_user_current_roles',
        stored.role,
        compared.column_name,
        compared.audit_value,
        compared.derived_value
    from folded
    join discord_user_current_roles as stored
        on stored.user_id = folded.user_id
       and stored.role = folded.role
    cross join lateral (
        values
            ('granted_at', folded.granted_at::text, stored.granted_at::text),
            ('granted_by', folded.granted_by, stored.granted_by)
    ) as compared (column_name, audit_value, derived_value)
    where (folded.granted_at, folded.granted_by) is distinct from (stored.granted_at, stored.granted_by)
      and compared.audit_value is distinct from compared.derived_value;
end
$$;
