"""Versions of a projection side by side: compared, the names of the tables given to another one, an old one dropped."""
