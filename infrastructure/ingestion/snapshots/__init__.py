"""Snapshots: what a source says of everybody, beside what the ledger holds."""
