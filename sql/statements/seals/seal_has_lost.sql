select seal_has_lost()
