select log_raise_sequence()
