select exists (select from inbox where source = %(source)s and state = 'waiting')
