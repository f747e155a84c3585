insert into ledger_canon (checksum)
values (%(checksum)s)
on conflict (one) do update
set checksum = excluded.checksum,
    installed_at = clock_timestamp()
