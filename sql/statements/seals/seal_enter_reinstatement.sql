select seal_enter_reinstatement(%(firsts)s, %(lasts)s)
