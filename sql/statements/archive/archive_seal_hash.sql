select encode(hash, 'hex') from log_seal where number = %(number)s
