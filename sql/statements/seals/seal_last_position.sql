-- How far the ranges up to this seal reach.
select coalesce(max(last_position), 0) from log_seal where kind = 'range' and number <= %(number)s
