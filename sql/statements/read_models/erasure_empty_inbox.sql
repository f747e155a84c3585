select erase_from_inbox(%(erasure)s, %(after)s, %(upto)s)
