"""Where events come from: one folder for each source."""
