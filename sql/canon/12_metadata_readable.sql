-- Whether a fold in Python can read this: at most 200 levels below the top, whole parts of at most 4,300 digits.
-- Not in SQL, so that the number is not written out in every plan.
create or replace function metadata_readable(metadata jsonb) returns boolean
language plpgsql immutable strict parallel safe as $$
begin
    if jsonb_path_exists(metadata, 'strict $.**{201}') then
        return false;
    end if;
    return not jsonb_path_exists(metadata, 'strict $.** ? (@ >= 1e4300 || @ <= -1e4300)');
end
$$;
