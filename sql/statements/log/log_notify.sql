-- There may be more. The payload is empty, so that PostgreSQL folds repeats into one.
notify temple_log
