-- How far the log is sealed; 0 where nothing is.
select coalesce(max(last_position), 0) from log_seal where kind = 'range'
