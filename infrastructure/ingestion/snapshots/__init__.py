"""Snapshots: the members as a source lists them, compared with the ledger."""
