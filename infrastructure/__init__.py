"""How the log and the read models are kept and reached."""
