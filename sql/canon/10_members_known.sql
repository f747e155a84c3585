-- The events that "members" folds: all others are no part of its rows. The actions alone tell these apart.
create or replace function members_known(event_type varchar, action varchar) returns boolean
language sql immutable parallel safe as $$
    select case event_type
        when 'discord_role_change' then action in ('added', 'removed')
        when 'discord_join' then action = 'joined'
        when 'discord_leave' then action = 'left'
        when 'patreon_membership' then action in ('started', 'changed', 'declined', 'ended')
        when 'member_inactivity' then action = 'marked'
        else false
    end
$$;
