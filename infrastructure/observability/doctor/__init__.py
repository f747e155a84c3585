"""Checks of machine, server, log and projections: each finds something out, and says what to do about it."""
