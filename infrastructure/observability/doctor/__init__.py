"""Checks of machine, server, log and projections: each states what it found and what to do about it."""
