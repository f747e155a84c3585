"""Replay: a read model built again from the log, beside the one that people read."""
