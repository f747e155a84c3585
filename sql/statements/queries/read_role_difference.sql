-- Who held a role at the later of two times and not at the earlier, and the other way round; of everybody but some members.
-- A period that is held at the one and not at the other begins or ends between them. Of those whose row is what it was then,
-- the newest so many of each, by when it was granted; and how many there are of each.
with changed as (
    select
        true as gained,
        user_id,
        began_position,
        role,
        held_from,
        held_until,
        granted_at,
        granted_by,
        grants,
        ended_position,
        ended_by,
        ending
    from role_periods
    where role = %(role)s
      and held_from > %(earlier)s::timestamptz
      and held_from <= %(later)s::timestamptz
      and (held_until is null or held_until > %(later)s::timestamptz)
    union all
    select
        false,
        user_id,
        began_position,
        role,
        held_from,
        held_until,
        granted_at,
        granted_by,
        grants,
        ended_position,
        ended_by,
        ending
    from role_periods
    where role = %(role)s
      and held_from <= %(earlier)s::timestamptz
      and held_until > %(earlier)s::timestamptz
      and held_until <= %(later)s::timestamptz
), differing as (
    select
        changed.*,
        grants = 1
            or granted_at <= case when gained then %(later)s::timestamptz else %(earlier)s::timestamptz end as is_settled
    from changed
    where changed.user_id <> all(%(others)s::varchar[])
      and not exists (
          select
          from role_periods as other
          where other.user_id = changed.user_id
            and other.role = %(role)s
            and case
                when changed.gained
                    then other.held_from <= %(earlier)s::timestamptz
                        and (other.held_until is null or other.held_until > %(earlier)s::timestamptz)
                else other.held_from <= %(later)s::timestamptz
                    and (other.held_until is null or other.held_until > %(later)s::timestamptz)
            end
      )
), placed as (
    select
        differing.*,
        count(*) over (partition by gained) as total,
        row_number() over (partition by gained, is_settled order by granted_at desc, user_id desc) as place
    from differing
)
select
    gained,
    total,
    user_id,
    began_position,
    role,
    held_from,
    held_until,
    granted_at,
    granted_by,
    grants,
    ended_position,
    ended_by,
    ending
from placed
where not is_settled
   or %(newest)s::integer is null
   or place <= %(newest)s::integer
