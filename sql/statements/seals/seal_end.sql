select coalesce(max(number), 0), coalesce(max(last_position), 0) from log_seal
