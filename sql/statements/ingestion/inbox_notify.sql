-- There may be more to translate. The payload is empty, so that PostgreSQL folds repeats into one.
notify temple_inbox
