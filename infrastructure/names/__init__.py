"""How people are called: in the listener's memory, or in a file; never in the log, nor in a table."""
