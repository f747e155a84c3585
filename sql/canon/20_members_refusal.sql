-- Why an event that "members" knows cannot be folded; null when it can. What is asked first is answered first.
create or replace function members_refusal(
    occurred_at timestamptz,
    event_type varchar,
    user_id varchar,
    action varchar,
    target varchar,
    metadata jsonb,
    source varchar
) returns text
language sql immutable parallel safe as $$
    select case
        when occurred_at < '0001-01-01 00:00:00+00' or occurred_at >= '10000-01-01 00:00:00+00'
            then 'timestamp is outside the years 1 to 9999'
        -- nothing shorter can be unreadable, and nearly everything is shorter
        when action in ('added', 'removed', 'left') and octet_length(metadata::text) > 400 and not metadata_readable(metadata)
            then 'metadata cannot be decoded: a number out of range, or nested too deeply'
        -- what the rules do not know yet is not guessed at; null and anything but an object says no version
        when jsonb_typeof(metadata) = 'object' and metadata ? 'event_version'
            and (jsonb_typeof(metadata -> 'event_version') <> 'number' or metadata ->> 'event_version' <> '1')
            and (octet_length(metadata::text) <= 400 or metadata_readable(metadata))
            then event_type || '/' || action || ' in version ' || (metadata -> 'event_version')::text
                || ' is not known here, only version 1'
        when user_id = ''
            then 'user_id is missing; ' || event_type || '/' || action || ' needs one'
        when source = ''
            then 'source is missing; ' || event_type || '/' || action || ' needs one'
        when action in ('added', 'removed') and coalesce(target, '') = ''
            then 'target is missing; ' || event_type || '/' || action || ' needs one'
        when action in ('started', 'changed', 'declined', 'ended') and char_length(target) > 50
            then 'target has ' || char_length(target)::text || ' characters, more than fit'
        when action = 'added'
            and jsonb_typeof(metadata -> 'granted_by') = 'string'
            and char_length(metadata ->> 'granted_by') > 100
            then 'metadata.granted_by has ' || char_length(metadata ->> 'granted_by')::text
                || ' characters, more than fit'
    end
$$;
