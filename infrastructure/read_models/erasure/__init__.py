"""Erasing a person: a random pseudonym in the place of every id, in the log and in what came from it."""
