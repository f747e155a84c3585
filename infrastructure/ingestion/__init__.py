"""Deliveries on their way to the log: stored raw, translated, compared with snapshots."""
