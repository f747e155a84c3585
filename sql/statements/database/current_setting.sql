select current_setting(%(name)s)
