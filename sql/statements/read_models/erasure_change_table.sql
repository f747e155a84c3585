select erase_from_table(%(erasure)s, %(table)s, %(about)s)
