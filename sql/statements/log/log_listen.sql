listen temple_log
