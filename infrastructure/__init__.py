"""How the log and the tables are stored and reached."""
