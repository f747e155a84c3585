-- Whether the same transaction, tried again as a whole, may well succeed. A conflict of snapshots is answered here:
-- whoever appends in another isolation level than ours may not know that it has to try again.
create or replace function members_error_passes(state text) returns boolean
language sql immutable parallel safe as $$
    select state in ('40P01', '55P03', '57014', '57P01', '57P02', '57P03', '25P03', '58030')
        or left(state, 2) in ('08', '53')
        or state = '40001' and current_setting('transaction_isolation') = 'read committed'
$$;
