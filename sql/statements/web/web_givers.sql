-- Who granted each role to those who hold it now: of each role the ten who granted it most.
select role, granted_by, given
from (
    select
        role,
        granted_by,
        count(*) as given,
        row_number() over (partition by role order by count(*) desc, granted_by) as place
    from discord_user_current_roles
    group by role, granted_by
) as ranked
where place <= 10
order by role, place
