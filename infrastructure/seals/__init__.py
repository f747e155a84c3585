"""Seals of the log: who makes the chain of hashes, who proves the log by it, and how its end leaves the database."""
