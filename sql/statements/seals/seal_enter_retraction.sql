select seal_enter_retraction(%(retraction)s)
